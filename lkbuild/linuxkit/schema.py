"""LinuxKit's schema as data: what stands where in a linuxkit.yml, and in the label of an image.

The same language as LinuxKit's JSON schema (tests compare the two), with the ranges that its Go types have. Data only: `decode`
reads values by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final, TypeAlias

from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A string: a number or boolean needs quotes to be one. `choices`: the only values; empty: any."""

    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds, inclusive."""

    least: int = -(1 << 63)
    greatest: int = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Either:
    """A string or a whole number: an id by name or by number."""

    whole: Whole = Whole(0, (1 << 32) - 1)


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    item: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping from any name to a string."""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys. `what` names it in errors."""

    what: str
    fields: Mapping[str, Kind]
    required: tuple[str, ...] = field(default=())


Kind: TypeAlias = Text | Whole | Flag | Either | Many | Table | Record

TEXT: Final = Text()
TEXTS: Final = Many(TEXT)
FLAG: Final = Flag()
ID: Final = Either()
I64: Final = Whole()
U16: Final = Whole(0, (1 << 16) - 1)
U32: Final = Whole(0, (1 << 32) - 1)
U64: Final = Whole(0, (1 << 64) - 1)

_MAPPINGS: Final = Many(Record("an id mapping", {"hostID": U32, "containerID": U32, "size": U32}))
_MOUNTS: Final = Many(
    Record(
        "a mount",
        {
            "destination": TEXT,
            "type": TEXT,
            "source": TEXT,
            "options": TEXTS,
            "uidmappings": _MAPPINGS,
            "gidmappings": _MAPPINGS,
        },
    )
)
_DEVICES: Final = Many(Record("a device", {"path": TEXT, "type": TEXT, "major": I64, "minor": I64, "mode": TEXT}))
_THROTTLES: Final = Many(Record("a throttled device", {"major": I64, "minor": I64, "rate": U64}))
_RESOURCES: Final = Record(
    "resources",
    {
        "devices": Many(
            Record("a device rule", {"allow": FLAG, "type": TEXT, "major": I64, "minor": I64, "access": TEXT}),
        ),
        "memory": Record(
            "memory",
            {
                "limit": I64,
                "reservation": I64,
                "swap": I64,
                "kernel": I64,
                "kernelTCP": I64,
                "swappiness": U64,
                "disableOOMKiller": FLAG,
            },
        ),
        "cpu": Record(
            "cpu",
            {
                "shares": U64,
                "quota": I64,
                "period": U64,
                "realtimeRuntime": I64,
                "realtimePeriod": U64,
                "cpus": TEXT,
                "mems": TEXT,
            },
        ),
        "pids": Record("pids", {"limit": I64}),
        "blockio": Record(
            "blockio",
            {
                "weight": U16,
                "leafWeight": U16,
                "weightDevice": Many(Record("a weighted device", {"major": I64, "minor": I64, "weight": U16, "leafWeight": U16})),
                "throttleReadBpsDevice": _THROTTLES,
                "throttleWriteBpsDevice": _THROTTLES,
                "throttleReadIOPSDevice": _THROTTLES,
                "throttleWriteIOPSDevice": _THROTTLES,
            },
        ),
        "hugepageLimits": Many(Record("a hugepage limit", {"pageSize": U64, "limit": U64})),
        "network": Record(
            "network",
            {"classID": U32, "priorities": Many(Record("a priority", {"name": TEXT, "priority": U32}))},
        ),
    },
)
_RUNTIME: Final = Record(
    "runtime",
    {
        "cgroups": TEXTS,
        "mounts": _MOUNTS,
        "mkdir": TEXTS,
        "interfaces": Many(Record("an interface", {"name": TEXT, "add": TEXT, "peer": TEXT, "createInRoot": FLAG})),
        "bindNS": Record("bindNS", dict.fromkeys(("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"), TEXT)),
        "namespace": TEXT,
    },
)

#: What a container has beside its name and image: also what the label of an image may say.
SETTINGS: Final[Mapping[str, Kind]] = {
    "capabilities": TEXTS,
    "capabilities.add": TEXTS,
    "ambient": TEXTS,
    "mounts": _MOUNTS,
    "binds": TEXTS,
    "binds.add": TEXTS,
    "devices": _DEVICES,
    "tmpfs": TEXTS,
    "command": TEXTS,
    "env": TEXTS,
    "cwd": TEXT,
    "net": TEXT,
    "pid": TEXT,
    "ipc": TEXT,
    "uts": TEXT,
    "userns": TEXT,
    "readonly": FLAG,
    "maskedPaths": TEXTS,
    "readonlyPaths": TEXTS,
    "uid": ID,
    "gid": ID,
    "additionalGids": Many(ID),
    "noNewPrivileges": FLAG,
    "hostname": TEXT,
    "oomScoreAdj": I64,
    "rootfsPropagation": TEXT,
    "cgroupsPath": TEXT,
    "resources": _RESOURCES,
    "sysctl": Table(),
    "rlimits": TEXTS,
    "uidMappings": _MAPPINGS,
    "gidMappings": _MAPPINGS,
    "annotations": Table(),
    "runtime": _RUNTIME,
}
LABEL: Final = Record("the label", SETTINGS)
_CONTAINERS: Final = Many(Record("a container", {"name": TEXT, "image": TEXT, **SETTINGS}, ("name", "image")))

CONFIGURATION: Final = Record(
    "the configuration",
    {
        "kernel": Record("kernel", dict.fromkeys(("image", "cmdline", "binary", "tar", "ucode"), TEXT)),
        "init": TEXTS,
        "onboot": _CONTAINERS,
        "onshutdown": _CONTAINERS,
        "services": _CONTAINERS,
        "trust": Record("trust", {"image": TEXTS, "org": TEXTS}),
        "files": Many(
            Record(
                "a file",
                {
                    "path": TEXT,
                    "directory": FLAG,
                    "symlink": TEXT,
                    "contents": TEXT,
                    "source": TEXT,
                    "metadata": TEXT,
                    "optional": FLAG,
                    "mode": TEXT,
                    "uid": ID,
                    "gid": ID,
                },
            )
        ),
        "volumes": Many(
            Record(
                "a volume",
                {"name": TEXT, "image": TEXT, "readonly": FLAG, "format": Text(("oci", "filesystem")), "platforms": TEXTS},
            )
        ),
    },
)
