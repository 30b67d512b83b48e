"""macOS: vfkit, which drives Virtualization.framework, and HyperKit on older Intel machines.

Sources: vfkit's doc/usage.md; hyperkit(1), bhyve(8). Pure.
"""

from __future__ import annotations

from lkbuild.app.hypervisors.guest import Guest, Start
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class Vfkit:
    """Apple's hypervisor: virtio devices only, so the console is hvc0."""

    name: str = "vfkit"
    host: str = "darwin"
    arches: tuple[str, ...] = ("arm64", "amd64")
    medium: str = ""

    def start(self, guest: Guest) -> Start:
        """See Hypervisor."""
        guest.refuse(self.name, "publish")
        loader = f'linux,kernel={guest.kernel},initrd={guest.initrd},cmdline="{guest.with_console("hvc0")}"'
        command = ["vfkit", "--cpus", str(guest.cpus), "--memory", str(guest.mem_mib), "--bootloader", loader]
        devices = ["virtio-serial,stdio", "virtio-rng", "virtio-net,nat", "virtio-balloon"]
        devices += [f"virtio-blk,path={path}" for path in guest.disks]
        devices += [f"virtio-fs,sharedDir={share.folder},mountTag={share.tag}" for share in guest.shares]
        if guest.vsock:  # the framework numbers guests itself: what is given is the port that the guest listens on
            devices.append(f"virtio-vsock,port={guest.vsock},socketURL={guest.state}/vsock,connect")
        for device in devices:
            command += ["--device", device]
        return Start(command=tuple(command))


@dataclass(frozen=True, slots=True)
class HyperKit:
    """bhyve's relative on macOS, as LinuxKit ran it; PCI slots are numbered by hand."""

    name: str = "hyperkit"
    host: str = "darwin"
    arches: tuple[str, ...] = ("amd64",)
    medium: str = ""

    def start(self, guest: Guest) -> Start:
        """See Hypervisor."""
        guest.refuse(self.name, "publish", "shares")
        command = ["hyperkit", "-A", "-u", "-c", str(guest.cpus), "-m", f"{guest.mem_mib}M"]
        devices = ["0:0,hostbridge", "31,lpc", "1:0,virtio-net", "2:0,virtio-rnd"]
        devices += [f"{3 + index}:0,virtio-blk,{path}" for index, path in enumerate(guest.disks)]
        if guest.vsock:
            devices.append(f"30:0,virtio-sock,guest_cid={guest.vsock},path={guest.state}")
        for device in devices:
            command += ["-s", device]
        kexec = f"kexec,{guest.kernel},{guest.initrd},{guest.with_console('ttyS0')}"
        return Start(command=(*command, "-l", "com1,stdio", "-f", kexec))
