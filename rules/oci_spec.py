"""From a container's fields to its OCI runtime specification and to LinuxKit's runtime.json.

Pure. Takes the fields with packages' and images' values merged already; adds lkbuild's defaults (least privilege, design 11). Does not
know images or layers: where the root file system comes from is the init's business.
Source: OCI runtime specification 1.0.2; reference/linuxkit.md 1.6, 1.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lkbuild.model.linux import CAPABILITIES, RLIMITS, UNLIMITED

from .seccomp import profile

PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What Docker hides and write-protects (moby, oci/defaults.go).
MASKED: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_SECURE: Final = ["nosuid", "nodev", "noexec"]


class ContainerError(ValueError):
    """A field with a value that has no meaning. `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def runtime_spec(fields: Mapping[str, Any], *, arch: str) -> dict[str, Any]:
    """The config.json of a container.

    Args:
        fields: values of container_fields.CONTAINER_FIELDS; absent or None: the default.
        arch: for the system call filter.

    Raises:
        ContainerError: a value that has no meaning.
    """
    value = {name: item for name, item in fields.items() if item is not None}
    held = _capabilities(value.get("capabilities"), "capabilities")
    ambient = _capabilities(value.get("ambient"), "ambient")
    readonly = value.get("readonly", True)
    spec: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": _process(value, held, ambient),
        "root": {"path": "rootfs", "readonly": readonly},
        "mounts": _mounts(value, readonly=readonly),
        "linux": _linux(value, held, ambient, arch),
    }
    if value.get("hostname"):
        spec["hostname"] = value["hostname"]
    if value.get("annotations"):
        spec["annotations"] = dict(value["annotations"])
    return spec


def runtime_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """LinuxKit's runtime section, without what is empty."""
    runtime = fields.get("runtime") or {}
    found: dict[str, Any] = {}
    for name in ("cgroups", "mkdir"):
        if runtime.get(name):
            found[name] = list(runtime[name])
    if runtime.get("mounts"):
        found["mounts"] = [_plain(mount) for mount in runtime["mounts"]]
    if runtime.get("interfaces"):
        found["interfaces"] = [_plain(interface) for interface in runtime["interfaces"]]
    if runtime.get("bindNS"):
        found["bindNS"] = dict(runtime["bindNS"])
    if runtime.get("namespace"):
        found["namespace"] = runtime["namespace"]
    return found


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items() if item not in (None, (), False)}


def _capabilities(value: Sequence[str] | None, field: str) -> tuple[str, ...]:
    if not value or value == ("none",):
        return ()
    if value == ("all",):
        return tuple(sorted(CAPABILITIES))
    for name in value:
        if name not in CAPABILITIES:
            raise ContainerError(field, f"unknown capability: {name}")
    return tuple(sorted(set(value)))


def _process(value: Mapping[str, Any], held: tuple[str, ...], ambient: tuple[str, ...]) -> dict[str, Any]:
    command = value.get("command")
    if not command:
        raise ContainerError("command", "the container has no command")
    union = sorted({*held, *ambient})
    user: dict[str, Any] = {"uid": _number(value, "uid"), "gid": _number(value, "gid")}
    if value.get("additionalGids"):
        user["additionalGids"] = list(value["additionalGids"])
    process: dict[str, Any] = {
        "terminal": False,
        "user": user,
        "args": list(command),
        "env": list(value.get("env") or [PATH]),
        "cwd": value.get("cwd") or "/",
        "capabilities": {
            "bounding": union,
            "effective": union,
            "inheritable": sorted(ambient),
            "permitted": union,
            "ambient": sorted(ambient),
        },
        "noNewPrivileges": value.get("noNewPrivileges", True),
    }
    if value.get("rlimits"):
        process["rlimits"] = [_rlimit(text) for text in value["rlimits"]]
    if value.get("oomScoreAdj") is not None:
        process["oomScoreAdj"] = value["oomScoreAdj"]
    return process


def _number(value: Mapping[str, Any], field: str) -> int:
    found = value.get(field, 0)
    if isinstance(found, int):
        return found
    raise ContainerError(field, f"'{found}' is no number: names of users are not supported here")


def _rlimit(text: str) -> dict[str, Any]:
    parts = text.split(",")
    name = f"RLIMIT_{parts[0].upper().removeprefix('RLIMIT_')}"
    if len(parts) != 3 or name not in RLIMITS:
        raise ContainerError("rlimits", f"'{text}' is no limit: write name,soft,hard")

    def limit(number: str) -> int:
        if number == "unlimited":
            return UNLIMITED
        if not number.isdecimal():
            raise ContainerError("rlimits", f"'{number}' is no number")
        return int(number)

    return {"type": name, "soft": limit(parts[1]), "hard": limit(parts[2])}


def _default_mounts(*, readonly: bool) -> list[dict[str, Any]]:
    dev = [*(["ro"] if readonly else []), "nosuid", "strictatime", "mode=755", "size=65536k"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": [*_SECURE, "relatime"]},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": [option for option in dev if option != "ro"]},
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        },
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [*_SECURE, "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": list(_SECURE)},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*_SECURE, "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": [*_SECURE, "relatime", "ro"]},
    ]


def _mounts(value: Mapping[str, Any], *, readonly: bool) -> list[dict[str, Any]]:
    by_destination = {mount["destination"]: mount for mount in _default_mounts(readonly=readonly)}
    for mount in (*_declared(value), *_tmpfs(value), *_binds(value)):
        by_destination[mount["destination"]] = mount
    # A mount must come after the one that it lies in: LinuxKit sorts by destination, which does it.
    return [by_destination[destination] for destination in sorted(by_destination)]


def _declared(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for mount in value.get("mounts") or ():
        kind = mount.get("type") or {"/dev": "tmpfs"}.get(mount.get("destination") or "") or mount.get("source")
        if not kind or not mount.get("destination"):
            raise ContainerError("mounts", "a mount needs a type and a destination")
        options = list(mount.get("options") or ())
        found.append({"destination": mount["destination"], "type": kind, "source": mount.get("source") or kind, "options": options})
    return found


def _tmpfs(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for text in value.get("tmpfs") or ():
        destination, _, options = text.partition(":")
        given = options.split(",") if options else ["nosuid", "nodev"]
        found.append({"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": given})
    return found


def _binds(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for text in value.get("binds") or ():
        parts = text.split(":")
        if len(parts) not in (2, 3) or not parts[0] or not parts[1].startswith("/"):
            raise ContainerError("binds", f"'{text}' is no bind: write source:/destination or source:/destination:options")
        options = [*parts[2].split(","), "rbind"] if len(parts) == 3 else ["rw", "rbind", "rshared"]
        found.append({"destination": parts[1], "type": "bind", "source": parts[0], "options": options})
    return found


_NAMESPACES: Final = (
    ("network", "net", "new"),
    ("ipc", "ipc", "new"),
    ("uts", "uts", "new"),
    ("pid", "pid", "new"),
    ("cgroup", "cgroupns", "new"),
    ("user", "userns", "host"),
)


def _linux(value: Mapping[str, Any], held: tuple[str, ...], ambient: tuple[str, ...], arch: str) -> dict[str, Any]:
    linux: dict[str, Any] = {
        "namespaces": _namespaces(value),
        "maskedPaths": list(MASKED if value.get("maskedPaths") is None else value["maskedPaths"]),
        "readonlyPaths": list(READ_ONLY if value.get("readonlyPaths") is None else value["readonlyPaths"]),
        "resources": _resources(value),
    }
    if value.get("seccomp", "default") == "default":
        linux["seccomp"] = profile({*held, *ambient}, arch)
    nodes = [_node(device) for device in value.get("devices") or () if device["path"] != "all"]
    if nodes:
        linux["devices"] = nodes
    for field, name in (("sysctl", "sysctl"), ("cgroupsPath", "cgroupsPath"), ("rootfsPropagation", "rootfsPropagation")):
        if value.get(field):
            linux[name] = dict(value[field]) if field == "sysctl" else value[field]
    for field in ("uidMappings", "gidMappings"):
        if value.get(field):
            linux[field] = [{"containerID": m["containerID"], "hostID": m["hostID"], "size": m["size"]} for m in value[field]]
    return linux


def _namespaces(value: Mapping[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = [{"type": "mount"}]
    for kind, field, default in _NAMESPACES:
        chosen = value.get(field) or default
        if chosen in ("host", "root"):
            continue
        found.append({"type": kind} if chosen in ("new", "none") else {"type": kind, "path": chosen})
    return found


def _resources(value: Mapping[str, Any]) -> dict[str, Any]:
    declared = value.get("resources") or {}
    found: dict[str, Any] = {name: dict(declared[name]) for name in ("memory", "cpu", "pids") if declared.get(name)}
    found["devices"] = [{"allow": False, "access": "rwm"}, *(_rule(device) for device in value.get("devices") or ())]
    return found


def _rule(device: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": True, "type": device["type"], "access": "rwm"}
    for name in ("major", "minor"):
        if device[name] >= 0:
            rule[name] = device[name]
    return rule


def _node(device: Mapping[str, Any]) -> dict[str, Any]:
    if device["major"] < 0 or device["minor"] < 0:
        raise ContainerError("devices", f"{device['path']} needs major and minor numbers")
    mode = int(device["mode"], 8) if device.get("mode") else 0o600
    return {"path": device["path"], "type": device["type"], "major": device["major"], "minor": device["minor"], "fileMode": mode}
