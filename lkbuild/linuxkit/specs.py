"""From a configuration and its images to what LinuxKit writes beside each container: config.json and runtime.json. Pure.

Where LinuxKit is wrong, the right thing is done: docs/reference/linuxkit.md lists what differs and why.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from lkbuild.base.errors import Position
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import SECTIONS, Config, Container, Part, Volume, Warned, label
from lkbuild.linuxkit.decode import Decoder
from lkbuild.linuxkit.mounts import mappings, mounts_of, runtime_mount, without_empty
from lkbuild.linuxkit.process import ImageSettings, process_of
from lkbuild.linuxkit.resources import devices_of, resources_of
from lkbuild.linuxkit.settings import Settings
from lkbuild.model.attrs import FrozenMap
from lkbuild.syntax.source import Source

#: The version of the OCI runtime specification that LinuxKit 1.8 writes.
OCI_VERSION: Final = "1.2.1"
#: Namespaces by their names in the specification, with the field that chooses, what it is by default, and the words for a new one.
_NAMESPACES: Final = (
    ("network", "net", "root", ("new", "none")),
    ("ipc", "ipc", "root", ("new",)),
    ("uts", "uts", "root", ("new",)),
    ("pid", "pid", "new", ("new",)),
    ("user", "userns", "root", ("new",)),
)
_BOUND: Final = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_NO_LABEL: Final = Part(values=FrozenMap(), places=Decoder(Source("")).places)

#: Gives what an image says, by its expanded reference; raises LoadError at the position where it is named.
Images = Callable[[str, Position], ImageSettings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A container as it lies in an image.

    Attributes:
        path: its folder, without leading slash.
        container: what it is made of.
        config, runtime: contents of config.json and runtime.json.
        readonly: its root can't be written.
        root: the folder with its files: its own, or that of an earlier container of the same image.
    """

    path: str
    container: Container
    config: Mapping[str, Any]
    runtime: Mapping[str, Any]
    readonly: bool
    root: str


def bundles(config: Config, images: Images) -> Iterator[Bundle]:
    """All containers, in the order in which LinuxKit lays them out. Raises LoadError at the first that can't be."""
    ids = config.ids()
    roots: dict[str, str] = {}
    for section in SECTIONS:
        for index, container in enumerate(config.containers[section]):
            name = container.name if section == "services" else f"{index:03d}-{container.name}"
            path = posixpath.normpath(f"containers/{section}/{name}")  # a name may hold anything, as far as LinuxKit minds
            image = images(container.reference, container.places.position("image"))
            settings = settings_of(container, image)
            readonly = bool(settings.get("readonly", default=False))
            # A second container of the same image uses the files of the first.
            root = roots.setdefault(container.reference, f"{path}/{'rootfs' if readonly else 'lower'}")
            spec = config_json(settings, image, ids, config.volumes)
            runtime = runtime_json(settings, root_mounts(path, root, readonly=readonly))
            yield Bundle(path=path, container=container, config=spec, runtime=runtime, readonly=readonly, root=root)


def specs(config: Config, images: Images) -> dict[str, Mapping[str, Any]]:
    """The contents of all config.json and runtime.json, by path."""
    found: dict[str, Mapping[str, Any]] = {}
    for bundle in bundles(config, images):
        found[f"{bundle.path}/config.json"] = bundle.config
        found[f"{bundle.path}/runtime.json"] = bundle.runtime
    return found


def warnings(config: Config) -> Iterator[Warned]:
    """What LinuxKit takes without a word and that can't work."""
    yield from config.warnings
    for section in SECTIONS:
        for container in config.containers[section]:
            if "/" in container.name:
                message = f"'{container.name}' is laid out and never started: init looks for folders of one name in containers/{section}"
                yield Warned(position=container.places.position("name"), message=message)
            for _, field, _, new in _NAMESPACES:
                chosen = container.get(field, "")
                if chosen and chosen not in (*new, "host", "root") and not chosen.startswith("/"):
                    message = f"'{chosen}' is taken for the path of a namespace, which is absolute: {', '.join(new)}, host or /path"
                    yield Warned(position=container.places.position(field), message=message)


def settings_of(container: Container, image: ImageSettings) -> Settings:
    """A container's entry above the label of its image. Raises LoadError for a label that is wrong."""
    return Settings(container, label(image.label, container.reference) if image.label else _NO_LABEL)


def config_json(settings: Settings, image: ImageSettings, ids: Mapping[str, int], volumes: Mapping[str, Volume]) -> dict[str, Any]:
    """The OCI specification of a container. Raises LoadError."""
    readonly = bool(settings.get("readonly", default=False))
    return {
        "ociVersion": OCI_VERSION,
        "process": process_of(settings, image, ids),
        "root": {"path": "rootfs", **without_empty({"readonly": readonly})},
        **without_empty({"hostname": settings.text("hostname")}),
        "mounts": mounts_of(settings, volumes, readonly=readonly),
        **without_empty({"annotations": dict(settings.get("annotations", default={}))}),
        "linux": _linux(settings),
    }


def runtime_json(settings: Settings, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    """What init does around a container: its root is mounted before all that it asks for itself."""
    interfaces = settings.get("runtime", "interfaces", default=())
    return {
        "cgroups": list(settings.get("runtime", "cgroups", default=())),
        "mounts": [*mounts, *(runtime_mount(mount) for mount in settings.get("runtime", "mounts", default=()))],
        "mkdir": list(settings.get("runtime", "mkdir", default=())),
        "interfaces": [
            {**without_empty({name: item.get(name) for name in ("name", "add", "peer")}), "createInRoot": item.get("createInRoot", False)}
            for item in interfaces
        ],
        "bindNS": {name: settings.get("runtime", "bindNS", name, default="") for name in _BOUND},
        "namespace": settings.get("runtime", "namespace", default=""),
    }


def root_mounts(path: str, root: str, *, readonly: bool) -> list[dict[str, Any]]:
    """The mounts that make a container's root: its files themselves, or an overlay above them."""
    if readonly:
        return [{"destination": f"/{path}/rootfs", "source": f"/{root}", "options": ["bind"]}]
    tmp = f"/{path}/tmp"  # noqa: S108 - in the image
    layers = [f"lowerdir=/{root}", f"upperdir={tmp}/upper", f"workdir={tmp}/work"]
    return [
        {"destination": tmp, "type": "tmpfs", "source": "tmpfs"},
        {"destination": tmp, "options": ["remount", "private"]},
        {"destination": f"/{path}/rootfs", "type": "overlay", "source": "overlay", "options": layers},
    ]


def _linux(settings: Settings) -> dict[str, Any]:
    nodes, rules = devices_of(settings)
    return {
        **without_empty(
            {
                "uidMappings": mappings(settings.get("uidMappings", default=())),
                "gidMappings": mappings(settings.get("gidMappings", default=())),
                "sysctl": dict(settings.get("sysctl", default={})),
            }
        ),
        "resources": resources_of(settings.get("resources", default=FrozenMap()), rules),
        **without_empty({"cgroupsPath": settings.get("cgroupsPath")}),
        "namespaces": list(_namespaces(settings)),
        **without_empty(
            {
                "devices": nodes,
                "rootfsPropagation": settings.get("rootfsPropagation"),
                "maskedPaths": list(settings.get("maskedPaths", default=())),
                "readonlyPaths": list(settings.get("readonlyPaths", default=())),
            }
        ),
    }


def _namespaces(settings: Settings) -> Iterator[dict[str, str]]:
    for kind, field, default, new in _NAMESPACES:
        chosen = settings.text(field, default)
        if chosen not in ("host", "root"):
            yield {"type": kind} if chosen in new else {"type": kind, "path": chosen}
    yield {"type": "mount"}
