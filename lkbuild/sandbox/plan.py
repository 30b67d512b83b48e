"""The sandbox as data: from a run to bubblewrap's options. Pure, so that a golden file can hold it.

What the sandbox is, is all here: namespaces, mounts, environment; but for the calls that it refuses (seccomp.py). This module neither
reads a disk nor starts a process: what the root tree holds is told to it (`RootListing`), and the binary that takes the options is not its
business.

The order of the options is the order of the mounts (bwrap(1)): `/` is a tmpfs of bubblewrap's own, the root tree's top level is
placed on it entry by entry (a read-only bind of the whole tree would leave no place for /proc, /dev, /tmp and /build, where the
tree has no such directory), and it is made read-only last.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.model.action import WORK_DIRECTORY
from lkbuild.model.ports import SandboxRun

#: 2017-04-18 16:30 UTC, when LinuxKit was announced: a constant, so that no output knows when it was made.
SOURCE_DATE_EPOCH: Final = 1492533000
UID: Final = 1000
HOSTNAME: Final = "lkbuild"
WORK: Final = f"/{WORK_DIRECTORY}"
TEMPORARY: Final = "/tmp"  # noqa: S108 - the path inside, a directory of its own for each run

#: What every command's environment holds beside its own. An action's own entry of the same name wins.
FIXED_ENVIRONMENT: Final = (
    ("HOME", TEMPORARY),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
    ("SOURCE_DATE_EPOCH", str(SOURCE_DATE_EPOCH)),
    ("TMPDIR", TEMPORARY),
    ("TZ", "UTC"),
)

#: Top-level names that every executor makes itself, whatever the tree has there.
OWN: Final = frozenset({"proc", "dev", "tmp", WORK_DIRECTORY})
#: Data of this package: the user and group of the sandbox, for trees that have none.
ACCOUNTS: Final = Path(__file__).parent / "etc"


class Kind(Enum):
    """What a name of the root tree is."""

    DIRECTORY = "directory"
    FILE = "file"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True, order=True)
class RootEntry:
    """One name of the root tree; `target` of a symbolic link."""

    name: str
    kind: Kind
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootListing:
    """The root tree's top level and its /etc, sorted by name; both empty for an empty root."""

    path: Path | None = None
    top: tuple[RootEntry, ...] = ()
    etc: tuple[RootEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a run may reach beyond its inputs: nothing, for an action. More for what a user runs at the terminal.

    Attributes:
        network: the host's network, with its name resolution.
        terminal: stays in the caller's session, so that job control and ^C work.
        devices: host paths of devices, at the same path inside.
        writable: (host path, absolute path inside) of files and directories that it may write.
    """

    network: bool = False
    terminal: bool = False
    devices: tuple[str, ...] = ()
    writable: tuple[tuple[Path, str], ...] = ()


ISOLATED: Final = Access()


def environment_of(request: SandboxRun) -> tuple[tuple[str, str], ...]:
    """The whole environment of the command, sorted by name."""
    merged = dict(FIXED_ENVIRONMENT) | {"LKBUILD_CPUS": str(request.cpus)} | dict(request.environment)
    return tuple(sorted(merged.items()))


def plan(request: SandboxRun, root: RootListing, temporary: Path, *, access: Access = ISOLATED, nested: bool = False) -> tuple[str, ...]:
    """Bubblewrap's arguments for a run, without the binary itself.

    Args:
        request: what runs; mount points for `mounts` exist in its `work`.
        root: what its root tree holds.
        temporary: a host directory that becomes /tmp. On disk and not a tmpfs: a kernel build puts gigabytes there.
        access: what it may reach beyond its inputs.
        nested: True where the host can't forbid further user namespaces inside (`--disable-userns`).
    """
    options = [
        *_namespaces(access, nested=nested),
        *_environment(request),
        *_root(root, network=access.network),
        *("--proc", "/proc"),
        # As root on the host, uid 1000 inside is the host's root, which may write sysctls without any capability
        # (test_perm in fs/proc/proc_sysctl.c compares with GLOBAL_ROOT_UID): core_pattern would be a way out.
        *("--remount-ro", "/proc"),
        *("--dev", "/dev"),
        *("--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108 - a path inside
        *("--bind", str(temporary), TEMPORARY),
        *("--bind", str(request.work), WORK),
    ]
    for source, path in sorted(request.mounts, key=lambda mount: mount[1]):
        options += ["--ro-bind", str(source), f"{WORK}/{path}"]
    for device in access.devices:
        options += ["--dev-bind", device, device]
    for source, path in access.writable:
        options += ["--bind", str(source), path]
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK, "--", *request.arguments]
    return tuple(options)


def _namespaces(access: Access, *, nested: bool) -> list[str]:
    options = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup"]
    if not access.network:
        options.append("--unshare-net")
    if not nested:
        options.append("--disable-userns")
    options += ["--uid", str(UID), "--gid", str(UID), "--hostname", HOSTNAME, "--cap-drop", "ALL", "--die-with-parent"]
    if not access.terminal:
        options.append("--new-session")
    return options


def _environment(request: SandboxRun) -> list[str]:
    options = ["--clearenv"]
    for name, value in environment_of(request):
        options += ["--setenv", name, value]
    return options


def _root(root: RootListing, *, network: bool) -> list[str]:
    options: list[str] = []
    for entry in root.top:
        if entry.name not in OWN and entry.name != "etc":
            options += _place(root.path, entry.name, entry)
    return [*options, *_etc(root, network=network)]


def _etc(root: RootListing, *, network: bool) -> list[str]:
    """/etc of the tree entry by entry, so that what it lacks can stand beside what it has."""
    provided = {"passwd": ACCOUNTS / "passwd", "group": ACCOUNTS / "group"}
    replaced = {"resolv.conf": Path("/etc/resolv.conf"), "hosts": Path("/etc/hosts")} if network else {}
    options = ["--perms", "0755", "--dir", "/etc"]
    for entry in root.etc:
        provided.pop(entry.name, None)
        if entry.name not in replaced:
            options += _place(root.path, f"etc/{entry.name}", entry)
    for name, source in provided.items():
        options += ["--ro-bind", str(source), f"/etc/{name}"]
    for name, source in replaced.items():
        options += ["--ro-bind-try", str(source), f"/etc/{name}"]
    return options


def _place(tree: Path | None, path: str, entry: RootEntry) -> list[str]:
    if entry.kind is Kind.SYMLINK:
        return ["--symlink", entry.target, f"/{path}"]
    return ["--ro-bind", f"{tree}/{path}", f"/{path}"]
