"""All hypervisors by name, and a guest from what the user asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from lkbuild.app.hypervisors.guest import Guest, Hypervisor, Share, Start
from lkbuild.app.hypervisors.linux import CloudHypervisor, Firecracker
from lkbuild.app.hypervisors.macos import HyperKit, Vfkit
from lkbuild.app.hypervisors.windows import HyperV
from lkbuild.base.errors import UsageError, nearest

ALL: Final[tuple[Hypervisor, ...]] = (CloudHypervisor(), Firecracker(), HyperKit(), HyperV(), Vfkit())
NAMES: Final = tuple(hypervisor.name for hypervisor in ALL)
_MIB: Final = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024, "": 1 / (1024 * 1024)}


def chosen(name: str) -> Hypervisor:
    """The hypervisor of that name. Raises UsageError where there is none."""
    for hypervisor in ALL:
        if hypervisor.name == name:
            return hypervisor
    raise UsageError(f"no hypervisor '{name}'", hint=nearest(name, NAMES) or f"there are: {', '.join(NAMES)}; without one it is QEMU")


def start_of(hypervisor: Hypervisor, guest: Guest) -> Start:
    """What starts a guest. Raises UsageError for an architecture that the hypervisor does not have, or something that it can't do."""
    if guest.arch not in hypervisor.arches:
        raise UsageError(f"{hypervisor.name} has no {guest.arch} guests", hint=f"it has: {', '.join(hypervisor.arches)}")
    return hypervisor.start(guest)


def guest_of(name: str, arch: str, files: Mapping[str, str], cmdline: str, options: Mapping[str, Sequence[str]], state: str) -> Guest:
    """A guest from what was built and `lkbuild run`'s options.

    Args:
        name: of the image.
        arch: its architecture.
        files: paths of `kernel` and `initrd.img`, or of `medium`.
        cmdline: the kernel's.
        options: by name, as `lkbuild run` has them, checked.
        state: folder for sockets and configuration.

    Raises:
        UsageError: an option that only QEMU has here, or a disk that would have to be made.
    """
    for option in ("clock", "data", "socket", "tpm", "uefi"):
        if option in options:
            raise UsageError(f"--{option} is for QEMU", hint="leave --hypervisor out")
    return Guest(
        name=name,
        arch=arch,
        kernel=files.get("kernel", ""),
        initrd=files.get("initrd.img", ""),
        medium=files.get("medium", ""),
        cmdline=cmdline,
        mem_mib=_mib(options["mem"][-1]) if "mem" in options else 1024,
        cpus=int(options["cpus"][-1]) if "cpus" in options else 2,
        disks=tuple(_disk(text) for text in options.get("disk", ())),
        publish=tuple(_ports(text) for text in options.get("publish", ())),
        shares=tuple(_share(text) for text in options.get("share", ())),
        vsock=int(options["vsock"][-1]) if "vsock" in options else 0,
        state=state,
    )


def _mib(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMGT]?)", text.upper())
    size = int(match[1]) * _MIB[match[2]] if match else 0
    if size < 1:
        raise UsageError(f"--mem {text} is less than a MiB", hint="for example 512M or 2G")
    return int(size)


def _disk(text: str) -> str:
    path, _, rest = text.partition(",")
    if rest:
        raise UsageError(f"--disk {text}: only QEMU's disks are made here", hint="make it before: truncate -s 4G PATH")
    return path


def _ports(text: str) -> tuple[int, int]:
    host, _, guest = text.partition(":")
    return int(host), int(guest or host)


def _share(text: str) -> Share:
    folder, _, tag = text.partition(",tag=")
    return Share(folder=folder, tag=tag or folder.rstrip("/").rpartition("/")[2])
