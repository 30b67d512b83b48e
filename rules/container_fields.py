"""LinuxKit's container fields, declared once: packages set them as defaults, an image's entries override them.

Names and meanings are LinuxKit's (reference/linuxkit.md 1.6 and 1.7); those of supervision are ours (docs/format/image.md). Data only.
"""

from __future__ import annotations

from typing import Final

from lkbuild.model.attrs import Attr, Boolean, Integer, ListOf, MapOf, OneOf, String, Struct

_STRINGS: Final = ListOf(item=String(lenient=True), single=True)
_CAPABILITIES: Final = ListOf(item=String(pattern=r"CAP_[A-Z_]+|all|none"), single=True)
_NAMESPACE: Final = "`new`, `host` (also `root`), or the path of a namespace."


def _attr(kind: object, doc: str) -> Attr:
    return Attr(type=kind, doc=doc, default=None)  # type: ignore[arg-type]  # every caller passes an AttrType


_MOUNT: Final = Struct(
    fields={
        "type": _attr(String(), "File system type."),
        "source": _attr(String(), "What is mounted."),
        "destination": _attr(String(), "Where."),
        "options": Attr(type=_STRINGS, default=(), doc="Mount options."),
    }
)
_MAPPING: Final = ListOf(
    item=Struct(
        fields={
            "hostID": Attr(type=Integer(minimum=0), required=True, doc="First id on the host."),
            "containerID": Attr(type=Integer(minimum=0), required=True, doc="First id in the container."),
            "size": Attr(type=Integer(minimum=1), required=True, doc="How many."),
        }
    )
)
_DEVICE: Final = Struct(
    fields={
        "path": Attr(type=String(), required=True, doc="Device node, or `all` for a rule without a node."),
        "type": Attr(type=String(choices=("b", "c", "u", "a")), required=True, doc="Block, character, all."),
        "major": Attr(type=Integer(minimum=-1), default=-1, doc="Major number; -1: any."),
        "minor": Attr(type=Integer(minimum=-1), default=-1, doc="Minor number; -1: any."),
        "mode": _attr(String(lenient=True), "Octal mode of the node."),
    }
)
_RUNTIME: Final = Struct(
    fields={
        "cgroups": Attr(type=_STRINGS, default=(), doc="cgroups to make before the container starts."),
        "mounts": Attr(type=ListOf(item=_MOUNT), default=(), doc="Mounts in the root namespace before it starts."),
        "mkdir": Attr(type=_STRINGS, default=(), doc="Directories to make in the root namespace."),
        "interfaces": Attr(
            type=ListOf(
                item=Struct(
                    fields={
                        "name": Attr(type=String(), required=True, doc="Interface."),
                        "add": _attr(String(), "Kind of interface to make; without it the interface is moved."),
                        "peer": _attr(String(), "Other end of a veth pair."),
                        "createInRoot": Attr(type=Boolean(), default=False, doc="Make it in the root namespace, then move it."),
                    }
                )
            ),
            default=(),
            doc="Network interfaces for its network namespace.",
        ),
        "bindNS": Attr(type=MapOf(value=String()), default={}, doc="Namespaces to keep at a path: net, pid, ..."),
        "namespace": _attr(String(), "containerd namespace; not used by our init."),
    }
)
_READY: Final = Struct(
    fields={
        "path": _attr(String(), "Ready when this path exists."),
        "unix": _attr(String(), "Ready when this socket takes a connection."),
        "tcp": _attr(String(), "Ready when host:port takes a connection."),
        "exec": _attr(_STRINGS, "Ready when this command, run in the container, ends with 0."),
        "exit": _attr(Boolean(), "Ready when it has ended with 0."),
    }
)
_ID: Final = OneOf(options=(Integer(minimum=0), String()))

CONTAINER_FIELDS: Final[dict[str, Attr]] = {
    "capabilities": _attr(_CAPABILITIES, "Capabilities: a list, `all` or `none`. Default: none."),
    "ambient": _attr(_CAPABILITIES, "Ambient capabilities."),
    "mounts": _attr(ListOf(item=_MOUNT), "Mounts; one replaces the default of the same destination."),
    "binds": _attr(_STRINGS, "`source:destination[:options]`; default options rw,rbind,rshared."),
    "tmpfs": _attr(_STRINGS, "`destination[:options]`."),
    "devices": _attr(ListOf(item=_DEVICE), "Device nodes and what may be done with them."),
    "command": _attr(_STRINGS, "Arguments; the first is the program."),
    "env": _attr(_STRINGS, "`NAME=value`."),
    "cwd": _attr(String(), "Working directory. Default /."),
    "net": _attr(String(), f"Network namespace: {_NAMESPACE} Default new."),
    "ipc": _attr(String(), f"IPC namespace: {_NAMESPACE} Default new."),
    "uts": _attr(String(), f"UTS namespace: {_NAMESPACE} Default new."),
    "pid": _attr(String(), f"PID namespace: {_NAMESPACE} Default new."),
    "userns": _attr(String(), f"User namespace: {_NAMESPACE} Default host."),
    "cgroupns": _attr(String(), f"cgroup namespace: {_NAMESPACE} Default new."),
    "readonly": _attr(Boolean(), "Root file system read-only. Default true."),
    "maskedPaths": _attr(_STRINGS, "Paths that are hidden. Default: those that Docker hides."),
    "readonlyPaths": _attr(_STRINGS, "Paths that can't be written. Default: those of Docker."),
    "uid": _attr(_ID, "User."),
    "gid": _attr(_ID, "Group."),
    "additionalGids": _attr(ListOf(item=_ID), "More groups."),
    "noNewPrivileges": _attr(Boolean(), "No set-uid, no file capabilities. Default true."),
    "hostname": _attr(String(), "Host name in its UTS namespace."),
    "oomScoreAdj": _attr(Integer(minimum=-1000, maximum=1000), "How willingly the kernel kills it when memory ends."),
    "rootfsPropagation": _attr(String(choices=("private", "slave", "shared", "unbindable")), "Mount propagation of its root."),
    "cgroupsPath": _attr(String(), "Its cgroup."),
    "resources": _attr(
        Struct(
            fields={
                "memory": _attr(MapOf(value=Integer()), "OCI memory limits: limit, reservation, swap, ..."),
                "cpu": _attr(MapOf(value=OneOf(options=(Integer(), String()))), "OCI cpu limits: shares, quota, period, cpus, mems, ..."),
                "pids": _attr(MapOf(value=Integer()), "OCI pids limit: limit."),
            }
        ),
        "cgroup limits, as in the OCI runtime specification.",
    ),
    "sysctl": _attr(MapOf(value=String(lenient=True)), "Kernel parameters of its namespaces."),
    "rlimits": _attr(_STRINGS, "`name,soft,hard`; a limit may be `unlimited`."),
    "uidMappings": _attr(_MAPPING, "Of its user namespace."),
    "gidMappings": _attr(_MAPPING, "Of its user namespace."),
    "annotations": _attr(MapOf(value=String(lenient=True)), "OCI annotations."),
    "runtime": _attr(_RUNTIME, "What init does around it."),
    "seccomp": _attr(String(choices=("default", "unconfined")), "System call filter. Default: default."),
}

SUPERVISION_FIELDS: Final[dict[str, Attr]] = {
    "after": _attr(_STRINGS, "Services that must be ready before it starts."),
    "restart": _attr(String(choices=("always", "on-failure", "never")), "What happens when it ends. Default always."),
    "restart_delay_s": _attr(Integer(minimum=0), "Seconds before a restart; doubles up to 30. Default 1."),
    "restart_limit": _attr(Integer(minimum=0), "Restarts before it counts as failed; 0: no limit."),
    "ready": _attr(_READY, "How it is known to be ready. Default: when it has started."),
    "ready_timeout_s": _attr(Integer(minimum=1), "Seconds to become ready. Default 60."),
    "stop_signal": _attr(String(pattern=r"SIG[A-Z0-9]+"), "Signal that ends it. Default SIGTERM."),
    "stop_timeout_s": _attr(Integer(minimum=0), "Seconds until it is killed. Default 10."),
    "timeout_s": _attr(Integer(minimum=1), "For onboot and onshutdown: seconds it may take. Default 120."),
    "on_failure": _attr(String(choices=("halt", "continue")), "For onboot and onshutdown. Default halt, at shutdown continue."),
}
