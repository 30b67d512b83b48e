"""The image layout of a package: what other engines than lkbuild's own images run it from. Shared by rules that have layers.

How a container is run stands where each reader looks for it: the command, environment and user in the configuration that every engine
knows, all of LinuxKit's fields in the label that LinuxKit reads. Does not know how a layout is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, Output
from lkbuild.model.providers import Joint
from lkbuild.model.rule import RuleContext

from .container_fields import CONTAINER_FIELDS, SUPERVISION_FIELDS
from .oci_spec import MASKED, PATH, READ_ONLY, runtime_json

#: The output group, and what joins it for several architectures.
GROUP: Final = "oci"
JOINT: Final = Joint({GROUP: ("oci_index", 1)})
#: As segments are packed for work (image/initrd.py).
_LEVEL: Final = "3"
LABEL: Final = "org.mobyproject.config"
#: The annotation by which our init finds, in a LinuxKit image, what LinuxKit has no fields for (docs/format/image.md).
SUPERVISION: Final = "org.lkbuild.supervision"
#: What the configuration says for every engine, and what LinuxKit does not know.
_ELSEWHERE: Final = frozenset(("command", "env", "cwd", "seccomp", "cgroupns", "runtime"))
#: Where LinuxKit's defaults are weaker than ours, ours are written out.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "readonly": True,
    "noNewPrivileges": True,
    "maskedPaths": list(MASKED),
    "readonlyPaths": list(READ_ONLY),
}


def oci_layout(ctx: RuleContext, layers: Sequence[Artifact], container: Mapping[str, Any], labels: Mapping[str, str]) -> Output:
    """Emit the compression of each layer, and the layout.

    Args:
        ctx: the target.
        layers: the topmost first, as everywhere; an image's manifest has them the other way round.
        container: container fields that are set.
        labels: more labels.
    """
    inputs = []
    for index, layer in enumerate(reversed(layers)):
        packed, told = ctx.builtin(
            "oci_layer",
            1,
            [_LEVEL],
            inputs=[Input("layer.tar", layer)],
            outputs=[DeclaredOutput("layer.tar.zst"), DeclaredOutput("layer.json")],
            message=f"compress a layer of {ctx.label.short}",
        )
        inputs += [Input(f"{index:03d}/layer", packed), Input(f"{index:03d}/layer.json", told)]
    (layout,) = ctx.builtin(
        "oci_layout",
        1,
        [json.dumps(image_config(container, labels), sort_keys=True), ctx.arch, ctx.label.name],
        inputs=inputs,
        outputs=[DeclaredOutput(f"{ctx.label.name}.{GROUP}", tree=True)],
        message=f"image of {ctx.label.short} for {ctx.arch}",
    )
    return layout


def image_config(container: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The `config` of an image's configuration (image specification, config.md)."""
    found: dict[str, Any] = {"Env": list(container.get("env") or [PATH])}
    if container.get("command"):
        found["Entrypoint"] = list(container["command"])
    if container.get("cwd"):
        found["WorkingDir"] = container["cwd"]
    if container.get("uid") is not None or container.get("gid") is not None:
        found["User"] = f"{container.get('uid') or 0}:{container.get('gid') or 0}"
    # A package that no container runs says nothing of how it is run.
    moby = linuxkit_label(container) if container.get("command") else {}
    if moby or labels:
        found["Labels"] = {**moby, **labels}
    return found


def linuxkit_label(container: Mapping[str, Any]) -> dict[str, str]:
    """The label that LinuxKit reads container fields from."""
    return {LABEL: json.dumps(_linuxkit(container), sort_keys=True)}


def _linuxkit(container: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that LinuxKit reads from the label."""
    given = {name: _plain(value) for name, value in container.items() if name in CONTAINER_FIELDS and name not in _ELSEWHERE}
    runtime = runtime_json(container)
    supervised = {name: _plain(value) for name, value in container.items() if name in SUPERVISION_FIELDS}
    if supervised:
        given["annotations"] = {**given.get("annotations", {}), SUPERVISION: json.dumps(supervised, sort_keys=True)}
    return {**_DEFAULTS, **given, **({"runtime": runtime} if runtime else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
