"""image: a bootable image: kernel, initrd and command line.

Follows LinuxKit's model; the form on disk is docs/format/image.md. Does not know what its services do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lkbuild.model.artifact import Artifact
from lkbuild.model.rule import Rule, RuleContext

from ..file_entries import files_layer, layer
from ..providers import ImageInfo, KernelInfo, LayerInfo, PackageInfo, Piece
from .containers import Container, containers
from .fields import ATTRS
from .formats import documented
from .initrd import LayerSet, initrd, plan_layer
from .outputs import outputs
from .plan import boot_plan


def analyze(ctx: RuleContext) -> list[Any]:
    """Segments for every layer, one for the plan, and their concatenation."""
    kernel = ctx.require(ctx.attrs["kernel"], KernelInfo, attr=("kernel",))
    packages = [ctx.require(label, PackageInfo, attr=("init", index)) for index, label in enumerate(ctx.attrs["init"])]
    sections = {name: tuple((item, _layers(ctx, item)) for item in containers(ctx, name)) for name in ("onboot", "services", "onshutdown")}
    layers = LayerSet()
    plan = boot_plan(
        hostname=ctx.attrs["hostname"] or ctx.label.name,
        runtime=ctx.attrs["runtime"],
        root_layers=_root_layers(ctx, packages),
        containers=sections,
        volumes=[_volume(ctx, index, volume) for index, volume in enumerate(ctx.attrs["volumes"])],
        layer_id=layers.id_of,
    )
    bundles = [entry for section in sections.values() for item, _ in section for entry in _bundle(item)]
    bundles += [{"path": f"containers/volumes/{volume['name']}/merged", "kind": "dir", "mode": 0o755} for volume in ctx.attrs["volumes"]]
    if slots := ctx.attrs["slots"]:
        if slots["key"].missing:
            ctx.fail(f"there is no key {slots['key'].path}", attr=("slots", "key"), hint="openssl pkey -in PRIVATE -pubout -out KEY")
        plan["up_within_s"] = slots["up_within_s"]
        bundles.append({"path": "etc/lkbuild/update.pem", "kind": "file", "mode": 0o644, "contents": slots["key"].content})
        bundles.append({"path": "etc/lkbuild/version", "kind": "file", "mode": 0o644, "contents": f"{slots['version']}\n"})
    base = [artifact for package in packages for artifact in package.initramfs]
    if not base:
        ctx.fail("none of the init packages has a program for the initramfs", attr=("init",), hint="//pkg/init has one")
    if kernel.modules is not None:
        base.append(kernel.modules)
    pieces = [Piece(artifact, "layers/{id}") for artifact in layers]
    pieces += [Piece(artifact) for artifact in (*base, plan_layer(ctx, plan, layers, bundles))]
    compression = ctx.attrs["compression"]
    image = ImageInfo(
        kernel=kernel.image,
        efi=kernel.efi or kernel.image,
        initrd=initrd(ctx, pieces, {"media": "fast", "least": "small"}.get(compression, compression)),
        cmdline=ctx.attrs["cmdline"],
        arch=ctx.arch,
        pieces=tuple(pieces),
        early=tuple(base),
        modules=kernel.modules,
        compression="small" if compression == "media" else compression,
        config=kernel.config,
        leave_out=tuple(ctx.attrs["leave_out"]),
    )
    return outputs(ctx, image)


def _root_layers(ctx: RuleContext, packages: Sequence[PackageInfo]) -> tuple[Artifact, ...]:
    files = (files_layer(ctx, ctx.attrs["files"], message=f"files of {ctx.label.short}"),) if ctx.attrs["files"] else ()
    return tuple(dict.fromkeys((*files, *(artifact for package in packages for artifact in package.layers))))


def _layers(ctx: RuleContext, container: Container) -> tuple[Artifact, ...]:
    points = container.mount_points()
    bottom = (layer(ctx, points, message=f"mount points of {container.name}"),) if points else ()
    return (*container.layers, *bottom)


def _volume(ctx: RuleContext, index: int, volume: Any) -> tuple[str, Sequence[Artifact], bool]:
    label = volume["package"]
    found = ctx.require(label, LayerInfo, attr=("volumes", index, "package")).layers if label else ()
    return volume["name"], found, volume["readonly"]


def _bundle(container: Container) -> list[dict[str, Any]]:
    return [
        {"path": f"{container.bundle}/rootfs", "kind": "dir", "mode": 0o755},
        {"path": f"{container.bundle}/config.json", "kind": "file", "mode": 0o644, "contents": _json(container.config)},
        {"path": f"{container.bundle}/runtime.json", "kind": "file", "mode": 0o644, "contents": _json(container.runtime)},
    ]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


RULE = Rule(
    name="image",
    doc="""A bootable image: a kernel, an initrd and a command line.

The sections are LinuxKit's. An entry of `onboot`, `services` or `onshutdown` is the label of a package, or a mapping with
`package:` and fields that override what the package says. Formats are made when asked for by name, `//images:x.iso`.""",
    attrs=ATTRS,
    groups=documented(),
    analyze=analyze,
)
