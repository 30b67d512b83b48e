"""The mounts of a container: defaults, tmpfs, binds, mounts, each replacing what has its destination; volumes by name. Pure.

Source: reference/linuxkit.md 1.5 and 1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.base.errors import Position, nearest
from lkbuild.linuxkit.config import Volume
from lkbuild.linuxkit.settings import Settings, refused
from lkbuild.model.attrs import FrozenMap

_PLACES: Final = {"proc": "/proc", "devpts": "/dev/pts", "sysfs": "/sys", "cgroup": "/sys/fs/cgroup", "mqueue": "/dev/mqueue"}
_NOTHING: Final[tuple[Any, ...]] = (None, "", (), [], FrozenMap())


def without_empty(items: Mapping[str, Any]) -> dict[str, Any]:
    """JSON as Go writes it with `omitempty`: without empty texts, lists, mappings, and what is false."""
    return {key: value for key, value in items.items() if value is not False and value not in _NOTHING}


def mounts_of(settings: Settings, volumes: Mapping[str, Volume], *, readonly: bool) -> list[dict[str, Any]]:
    """All mounts of a container, sorted by destination. Raises LoadError."""
    found = {mount["destination"]: mount for mount in _defaults(readonly=readonly)}
    for text, at in settings.items("tmpfs"):
        destination, *options = text.split(":")
        if len(options) > 1:
            raise refused(at, f"'{text}' is no tmpfs", "write /destination, or /destination:option,option")
        found[destination] = _mount(destination, "tmpfs", "tmpfs", options[0].split(",") if options else [])
    for text, at in settings.unused("binds"):
        _source(text, at, volumes, own=True)  # for its checks: LinuxKit looks volumes up before it decides what counts
    for text, at, own in settings.added("binds"):
        mount = _bind(text, at, volumes, own=own)
        found[mount["destination"]] = mount
    for value, at in settings.items("mounts"):
        mount = _declared(value, at, volumes, own=settings.entry.get("mounts") is not None)
        found[mount["destination"]] = mount
    return [found[destination] for destination in sorted(found, key=lambda text: text.encode())]


def runtime_mount(value: FrozenMap) -> dict[str, Any]:
    """A mount of the runtime section, in the form of runtime.json: as it is written."""
    return _mount(
        value.get("destination", ""),
        value.get("type", ""),
        value.get("source", ""),
        value.get("options", ()),
        uidMappings=mappings(value.get("uidmappings", ())),
        gidMappings=mappings(value.get("gidmappings", ())),
    )


def mappings(values: tuple[FrozenMap, ...]) -> list[dict[str, int]]:
    """Id mappings, in the form of the OCI runtime specification."""
    return [{name: value.get(name, 0) for name in ("containerID", "hostID", "size")} for value in values]


def _mount(destination: str, kind: str, source: str, options: Any, **more: Any) -> dict[str, Any]:
    return {"destination": destination, **without_empty({"type": kind, "source": source, "options": list(options), **more})}


def _defaults(*, readonly: bool) -> list[dict[str, Any]]:
    readonly_option = ["ro"] if readonly else []
    return [
        _mount("/proc", "proc", "proc", ["nosuid", "nodev", "noexec", "relatime"]),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k", *readonly_option]),
        _mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        _mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", *readonly_option]),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]


def _bind(text: str, at: Position, volumes: Mapping[str, Volume], *, own: bool) -> dict[str, Any]:
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise refused(at, f"'{text}' is no bind", "write source:/destination, or source:/destination:option,option")
    options = [*parts[2].split(","), "rbind"] if len(parts) == 3 else ["rw", "rbind", "rshared"]
    return _mount(parts[1], "bind", _source(text, at, volumes, own=own), options)


def _source(text: str, at: Position, volumes: Mapping[str, Volume], *, own: bool) -> str:
    """The path that a bind's source means. Raises LoadError for a volume that there is not, or that must not be written to."""
    source, destination, options, *_ = *text.split(":"), "", ""
    if source.startswith("/") or not (own or source in volumes):
        return source
    return _volume(source, options.split(","), at, volumes, f"{source}:{destination}:ro")


def _declared(value: FrozenMap, at: Position, volumes: Mapping[str, Volume], *, own: bool) -> dict[str, Any]:
    kind, source, destination = value.get("type", ""), value.get("source", ""), value.get("destination", "")
    options = value.get("options", ())
    if kind == "bind" and not source.startswith("/") and (own or source in volumes):
        source = _volume(source, options, at, volumes, "options: [ro]")
    kind = kind or (source if source in _PLACES else "") or ("tmpfs" if destination == "/dev" else "")
    if not kind:
        raise refused(at, f"the mount on '{destination}' has no type", "write type: bind, tmpfs, ...")
    destination = destination or _PLACES.get(kind, "")
    if not destination:
        raise refused(at, f"the mount of type {kind} has no destination", "write destination: /path")
    return {**runtime_mount(value), **_mount(destination, kind, source or kind, options)}


def _volume(name: str, options: Any, at: Position, volumes: Mapping[str, Volume], write: str) -> str:
    """Where the volume of that name is mounted. Raises LoadError where there is none, or it would be written to and must not."""
    volume = volumes.get(name)
    if volume is None:
        near = nearest(name, volumes) or "a source is an absolute path, or the name of a volume that volumes: declares"
        raise refused(at, f"no volume '{name}'", near)
    access = next((option for option in options if option in ("ro", "rw")), "rw")
    if volume.readonly and access == "rw":
        error = refused(at, f"the volume '{name}' is read-only, and this would write to it", f"write {write}")
        error.related = ((volume.places.position("readonly"), "it is declared read-only here"),)
        raise error
    return volume.merged
