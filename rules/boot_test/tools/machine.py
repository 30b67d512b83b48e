"""QEMU's command line for a guest of each architecture. Runs inside the sandbox; standard library only.

Does not know what the guest does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

#: Emulator, machine and the suffix of virtio devices for each architecture.
MACHINES = {
    "amd64": ("qemu-system-x86_64", "q35", "pci"),
    "arm64": ("qemu-system-aarch64", "virt", "pci"),
    "riscv64": ("qemu-system-riscv64", "virt", "pci"),
    "s390x": ("qemu-system-s390x", "s390-ccw-virtio", "ccw"),
}
#: QEMU's machine without PCI. Without ACPI too it gives its devices on the command line, as Firecracker did first; with ACPI, a kernel
#: finds no timer to measure its clock by under emulation.
MICROVM = ("microvm,acpi=off,pit=on,pic=on,rtc=on", "device")


@dataclass(frozen=True)
class Direct:
    """QEMU itself loads kernel and initrd: no firmware's boot loader, no medium."""

    kernel: str
    initrd: str
    cmdline: str
    root: str = ""
    cdrom: bool = False

    def words(self, bus: str) -> list[str]:
        """Of QEMU's command line. The root, where there is one, is the first disk, or a CD-ROM."""
        words = ["-kernel", self.kernel, "-initrd", self.initrd, "-append", self.cmdline]
        if not self.root:
            return words
        words += ["-drive", f"if=none,id=root,format=raw,readonly=on,file={self.root}" + (",media=cdrom" if self.cdrom else "")]
        device = "scsi-cd,bus=scsi.0" if self.cdrom else f"virtio-blk-{bus}"
        return [*words, *(["-device", f"virtio-scsi-{bus},id=scsi"] if self.cdrom else []), "-device", f"{device},drive=root"]


@dataclass(frozen=True)
class Medium:
    """Firmware boots a disk or a CD-ROM. `form` is QEMU's name of its format; `efi` the firmware's code, None for the BIOS.

    `program`: it is one EFI program, which QEMU hands to the firmware. `kept`: the guest may write to it.
    """

    path: str
    form: str = "raw"
    cdrom: bool = False
    efi: str | None = None
    program: bool = False
    kept: bool = False

    def words(self, bus: str) -> list[str]:
        """Of QEMU's command line."""
        words = []
        if self.efi:
            words += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.efi}"]
            words += ["-drive", "if=pflash,unit=1,format=raw,file=/tmp/efi-variables.fd"]
        if self.program:
            return [*words, "-kernel", self.path]
        how = "discard=unmap" if self.kept else "readonly=on"
        words += ["-drive", f"if=none,id=medium,format={self.form},{how},file={self.path}" + (",media=cdrom" if self.cdrom else "")]
        if self.cdrom and (self.efi or bus == "ccw"):  # not every machine that has UEFI has IDE, and no s390x has
            return [*words, "-device", f"virtio-scsi-{bus},id=scsi", "-device", "scsi-cd,bus=scsi.0,drive=medium,bootindex=0"]
        return [*words, "-device", ("ide-cd" if self.cdrom else f"virtio-blk-{bus}") + ",drive=medium,bootindex=0"]


@dataclass
class Machine:
    """A guest to start.

    `disks` are raw files that it may write, `drives` raw files that it only reads; `forward` are (host port, guest port) of TCP. On a
    `wire` (a socket's path) are two: `leads` says which of them has the network that QEMU plays, DHCP and all, for both.
    `firmware` is UEFI's code and its variables, for a kernel that QEMU gives it; `shares` are (socket of virtiofsd, tag), `tpm` is the
    socket of swtpm, `vsock` the guest's number among sockets, `data` a folder that becomes a disk labelled cidata.
    `small` is QEMU's microvm. `watchdog`: it has one, which starts it anew.
    `link` is the socket of link.py, `clock` what the machine's clock says at power-on.
    """

    arch: str
    boot: Direct | Medium
    mem: str = "1G"
    cpus: int = 2
    disks: list[str] = field(default_factory=list)
    drives: list[str] = field(default_factory=list)
    forward: list[tuple[int, int]] = field(default_factory=list)
    isolated: bool = True
    wire: str = ""
    leads: bool = True
    firmware: tuple[str, str] | None = None
    shares: list[tuple[str, str]] = field(default_factory=list)
    vsock: int = 0
    tpm: str = ""
    data: str = ""
    small: bool = False
    watchdog: bool = False
    link: str = ""
    clock: str = ""

    def command(self, *, accelerator: str, console: list[str], extra: list[str]) -> list[str]:
        """The command line. `accelerator` is `tcg` or `kvm`."""
        emulator, machine, bus = (*MACHINES[self.arch][:1], *MICROVM) if self.small else MACHINES[self.arch]
        command = [emulator, "-nodefaults", "-no-user-config", "-display", "none"]
        command += ["-machine", f"{machine},accel={accelerator}", "-cpu", "host" if accelerator == "kvm" else "max"]
        command += ["-m", self.mem, "-smp", str(self.cpus)]
        command += self.boot.words(bus)
        command += ["-device", f"virtio-rng-{bus}", "-device", f"virtio-serial-{bus}"]
        command += self._network(bus)
        command += self._more(bus)
        for index, disk in enumerate(self.disks):
            command += ["-drive", f"file={disk},if=none,id=disk{index},format=raw,discard=unmap,detect-zeroes=unmap"]
            command += ["-device", f"virtio-blk-{bus},drive=disk{index}"]
        for index, drive in enumerate(self.drives):
            command += ["-drive", f"file={drive},if=none,id=drive{index},format=raw,readonly=on"]
            command += ["-device", f"virtio-blk-{bus},drive=drive{index}"]
        return [*command, *console, *extra]

    def _more(self, bus: str) -> list[str]:
        words = []
        if self.firmware:
            code, variables = self.firmware
            words += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
            words += ["-drive", f"if=pflash,unit=1,format=raw,file={variables}"]
        if self.shares:  # virtiofsd works in the guest's memory
            words += ["-object", f"memory-backend-memfd,id=memory,share=on,size={self.mem}", "-machine", "memory-backend=memory"]
        for index, (socket, tag) in enumerate(self.shares):
            words += ["-chardev", f"socket,id=share{index},path={socket}", "-device", f"vhost-user-fs-{bus},chardev=share{index},tag={tag}"]
        if self.tpm:
            words += ["-chardev", f"socket,id=tpm,path={self.tpm}", "-tpmdev", "emulator,id=tpm0,chardev=tpm"]
            words += ["-device", ("tpm-tis-device" if self.arch == "arm64" else "tpm-crb") + ",tpmdev=tpm0"]
        if self.vsock:
            words += ["-device", f"vhost-vsock-{bus},guest-cid={self.vsock}"]
        if self.watchdog:
            words += ["-device", "i6300esb", "-action", "watchdog=reset"]
        if self.link:
            words += ["-chardev", f"socket,id=link,path={self.link}", "-device", "virtserialport,chardev=link,name=lkbuild.host"]
        if self.clock:
            words += ["-rtc", f"base={self.clock}"]
        if self.data:
            words += ["-drive", f"if=none,id=data,format=raw,readonly=on,file.driver=vvfat,file.dir={self.data},file.label=CIDATA"]
            words += ["-device", f"virtio-blk-{bus},drive=data"]
        return words

    def _network(self, bus: str) -> list[str]:
        device = f"virtio-net-{bus},netdev=net0" + (",romfile=" if bus == "pci" else "")
        user = "user,id={}" + (",restrict=on" if self.isolated else "")
        user += "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in self.forward)
        if not self.wire:
            return ["-netdev", user.format("net0"), "-device", device]
        wire = f"stream,id={{}},addr.type=unix,addr.path={self.wire},server=" + ("on" if self.leads else "off")
        if not self.leads:
            return ["-netdev", wire.format("net0"), "-device", f"{device},mac=52:54:00:12:34:57"]
        words = ["-netdev", user.format("out"), "-netdev", wire.format("wire")]
        for port, other in (("port0", ",netdev=out"), ("port1", ",netdev=wire"), ("net0", "")):
            words += ["-netdev", f"hubport,id={port},hubid=0{other}"]
        return [*words, "-device", device]


def guest_boots_with_kvm(arch: str) -> bool:
    """Whether KVM runs a guest here: a device that opens may still not (a nested host without the feature).

    Starts a machine that has nothing to run and asks QEMU whether its first processor runs.
    """
    native = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "s390x": "s390x"}.get(os.uname().machine)
    if arch != native or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    return _kvm_runs_code()


def _kvm_runs_code() -> bool:
    """Create a virtual machine by the KVM API and run one HLT in it (linux: Documentation/virt/kvm/api.rst)."""
    import ctypes
    import fcntl
    import mmap

    create_vm, create_vcpu, set_memory, run, mmap_size = 0xAE01, 0xAE41, 0x4020AE46, 0xAE80, 0xAE04
    if os.uname().machine != "x86_64":
        return True
    handles = []
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        handles.append(kvm)
        vm = fcntl.ioctl(kvm, create_vm, 0)
        handles.append(vm)
        memory = mmap.mmap(-1, 4096)
        memory[4080:4096] = b"\xf4" * 16  # HLT at the reset vector, which a real-mode CPU reads at the top of 4 GiB
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        region = bytearray()
        for value, size in ((0, 4), (0, 4), (0xFFFFF000, 8), (4096, 8), (address, 8)):
            region += value.to_bytes(size, "little")
        fcntl.ioctl(vm, set_memory, bytes(region))
        vcpu = fcntl.ioctl(vm, create_vcpu, 0)
        handles.append(vcpu)
        size = fcntl.ioctl(kvm, mmap_size, 0)
        state = mmap.mmap(vcpu, size)
        fcntl.ioctl(vcpu, run, 0)
        return int.from_bytes(state[8:12], "little") == 5  # KVM_EXIT_HLT
    except OSError:
        return False
    finally:
        for handle in handles:
            os.close(handle)
