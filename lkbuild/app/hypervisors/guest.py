"""A guest as every hypervisor is told of it, and the answer: what to start. Does not know any hypervisor.

What one can't do is a UsageError with the one that can as its hint, and never left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A folder of the host, by the tag that the guest mounts."""

    folder: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A guest. All paths are of the host that starts it.

    Attributes:
        name: of the machine.
        arch: its architecture.
        kernel, initrd, cmdline: what a hypervisor loads by itself.
        medium: what firmware starts instead, where a hypervisor needs that.
        mem_mib, cpus: its size.
        disks: raw files.
        publish: (host port, guest port) of TCP.
        shares: folders.
        vsock: its number among sockets, 0 for none.
        state: folder for sockets and configuration.
    """

    name: str
    arch: str
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""
    medium: str = ""
    mem_mib: int = 1024
    cpus: int = 2
    disks: tuple[str, ...] = ()
    publish: tuple[tuple[int, int], ...] = ()
    shares: tuple[Share, ...] = ()
    vsock: int = 0
    state: str = "."

    def refuse(self, hypervisor: str, *fields: str) -> None:
        """Raise UsageError where the guest has something that the hypervisor does not."""
        for name in fields:
            if getattr(self, name):
                flag = {"disks": "disk", "shares": "share"}.get(name, name)
                raise UsageError(f"{hypervisor} has no --{flag}", hint="`lkbuild run` without --hypervisor has it, by QEMU")

    def with_console(self, console: str) -> str:
        """The command line with another console than the image's own."""
        kept = [word for word in self.cmdline.split() if not word.startswith("console=")]
        return " ".join([f"console={console}", *kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What starts a guest: a command, and the files that it reads, by path."""

    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)


class Hypervisor(Protocol):
    """A hypervisor.

    Attributes:
        name: what --hypervisor calls it.
        host: the operating system that has it, as `sys.platform` says.
        arches: of its guests.
        medium: the format of the image that it starts, a disk, or kernel and initrd; empty: the image's own.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class

    @property
    def host(self) -> str: ...  # noqa: D102 - see the class

    @property
    def arches(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class

    @property
    def medium(self) -> str: ...  # noqa: D102 - see the class

    def start(self, guest: Guest) -> Start:
        """What to start. Raises UsageError for what it can't do."""
        ...
