"""The containers of an image: entries merged with their packages' defaults, and their bundles. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.model.artifact import Artifact
from lkbuild.model.rule import RuleContext

from ..container_fields import CONTAINER_FIELDS, SUPERVISION_FIELDS
from ..oci_spec import ContainerError, runtime_json, runtime_spec
from ..providers import PackageInfo

#: Destinations of binds that are files, by their look; all others become directories. A package that binds a file of
#: another kind has an empty file of that name in its `files:`.
_FILE: Final = re.compile(r"\.(conf|sock|json|pid|crt|pem|toml|yaml|yml|txt)\Z|/(hosts|hostname|passwd|group|mtab)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container.

    Attributes:
        section: onboot, services or onshutdown.
        name: unique among services.
        bundle: its folder in the image, without leading slash.
        layers: of its root, the topmost first, without mount points.
        fields: container fields.
        supervision: fields of supervision.
        config, runtime: contents of config.json and runtime.json.
    """

    section: str
    name: str
    bundle: str
    layers: tuple[Artifact, ...]
    fields: Mapping[str, Any]
    supervision: Mapping[str, Any]
    config: Mapping[str, Any]
    runtime: Mapping[str, Any]

    def mount_points(self) -> list[dict[str, Any]]:
        """Entries for the layer at the bottom of its root in which every mount finds its place."""
        entries = []
        for mount in self.config["mounts"]:
            path = mount["destination"].strip("/")
            if mount["type"] == "bind" and _FILE.search("/" + path):
                entries.append({"path": path, "kind": "file", "contents": "", "mode": 0o644})
            elif path and not path.startswith(("proc/", "sys/", "dev/")):
                entries.append({"path": path, "kind": "dir", "mode": 0o755})
        return entries


def containers(ctx: RuleContext, section: str) -> tuple[Container, ...]:
    """The containers of a section, in order. Fails at the field that is wrong."""
    found: list[Container] = []
    volumes = {volume["name"] for volume in ctx.attrs["volumes"]}
    for index, entry in enumerate(ctx.attrs[section]):
        where = (section, index)
        label = entry if isinstance(entry, Label) else entry["package"]
        package = ctx.require(label, PackageInfo, attr=where)
        given = {} if isinstance(entry, Label) else {name: entry[name] for name in entry if entry[name] is not None}
        name = given.get("name") or package.name
        if section == "services" and any(other.name == name for other in found):
            ctx.fail(f"two services are called '{name}'", attr=(*where, "name"), hint="give one of them another name")
        found.append(_container(ctx, section, index, name, package, given, volumes))
    _check_after(ctx, section, found)
    return tuple(found)


def _container(
    ctx: RuleContext, section: str, index: int, name: str, package: PackageInfo, given: Mapping[str, Any], volumes: set[str]
) -> Container:
    merged = {**package.container, **given}
    fields = {field: merged[field] for field in CONTAINER_FIELDS if merged.get(field) is not None}
    if "binds" in fields:
        fields["binds"] = tuple(_volume_bind(text, volumes) for text in fields["binds"])
    fields.setdefault("cgroupsPath", f"/lkbuild/{name}" if section == "services" else f"/lkbuild/{section}-{name}")
    try:
        config, runtime = runtime_spec(fields, arch=ctx.arch), runtime_json(fields)
    except ContainerError as error:
        ctx.fail(f"{name}: {error}", attr=(section, index, error.field))
    folder = name if section == "services" else f"{index:03d}-{name}"
    return Container(
        section=section,
        name=name,
        bundle=f"containers/{section}/{folder}",
        layers=package.layers,
        fields=fields,
        supervision={field: merged[field] for field in SUPERVISION_FIELDS if merged.get(field) is not None},
        config=config,
        runtime=runtime,
    )


def _volume_bind(text: str, volumes: set[str]) -> str:
    source, colon, rest = text.partition(":")
    return f"/containers/volumes/{source}/merged{colon}{rest}" if source in volumes else text


def _check_after(ctx: RuleContext, section: str, found: list[Container]) -> None:
    names = [container.name for container in found]
    for index, container in enumerate(found):
        for need in container.supervision.get("after", ()):
            if need not in names:
                ctx.fail(
                    f"'{container.name}' starts after '{need}', which is no service of this image",
                    attr=(section, index, "after"),
                    hint=f"services: {', '.join(names)}",
                )
