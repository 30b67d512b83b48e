"""media.py FORMAT OUT: one format of an image from what lies beside it. Runs inside the sandbox.

Reads kernel, initrd.img and cmdline, os-release, root.tar, or the format that one is made of (`from`). How each is written: the modules.
"""

from __future__ import annotations

import os
import sys

import archives
import disks
import ipl
import iso
import kernels
import linked
import pe
import roots
import rpi
import slots
import unpacks
import verity

#: Name of the EFI program that firmware starts from removable media (UEFI 2.10, 3.5.1.1), of the stub, by architecture,
#: and of systemd-boot.
EFI = {
    "amd64": ("BOOTX64.EFI", "linuxx64.efi.stub", "systemd-bootx64.efi"),
    "arm64": ("BOOTAA64.EFI", "linuxaa64.efi.stub", "systemd-bootaa64.efi"),
}
SYSTEMD = "stub/usr/lib/systemd/boot/efi"
SYSLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"


def uki(out: str, cmdline: str = "cmdline") -> None:
    """One EFI program: stub, kernel, initrd, command line."""
    with open(f"{SYSTEMD}/{EFI[os.environ['ARCH']][1]}", "rb") as file:
        stub = file.read()
    sections = [
        (".osrel", "os-release", pe.DATA),
        (".cmdline", cmdline, pe.DATA),
        (".initrd", "initrd.img", pe.DATA),
        (".linux", "kernel", pe.CODE),
    ]
    with open(out, "wb") as file:
        pe.unify(stub, sections, file)


def disk_uki(out: str) -> None:
    """The same, whose command line says what its root is checked against."""
    with open("verity") as words, open("cmdline") as line, open("/tmp/cmdline", "w") as file:
        file.write(f"{words.read().strip()} {line.read()}")
    uki(out, "/tmp/cmdline")


def disk(out: str) -> None:
    """A disk with its root on a partition, or two."""
    name, _, boot = EFI[os.environ["ARCH"]]
    slots.disk(out, name, f"{SYSTEMD}/{boot}")


def loader_files() -> dict[str, str]:
    """What syslinux and isolinux read."""
    with open("cmdline") as file:
        cmdline = file.read().strip()
    with open("/tmp/syslinux.cfg", "w") as file:
        file.write(f"DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nLABEL linux\n  KERNEL /kernel\n  INITRD /initrd.img\n  APPEND {cmdline}\n")
    return {"kernel": "kernel", "initrd.img": "initrd.img", "syslinux.cfg": "/tmp/syslinux.cfg", "ldlinux.c32": SYSLINUX}


def efi_files() -> dict[str, str]:
    """An EFI system partition whose only program is the unified kernel image."""
    return {f"EFI/BOOT/{EFI[os.environ['ARCH']][0]}": "from"}


FORMATS = {
    "uki": uki,
    "raw-efi": lambda out: disks.efi_disk(out, efi_files()),
    "raw-bios": lambda out: disks.bios_disk(out, loader_files()),
    "iso-bios": lambda out: iso.bootable(out, bios=loader_files()),
    "iso-efi": lambda out: iso.bootable(out, efi=efi_files()),
    "iso": lambda out: iso.bootable(out, bios=loader_files(), efi=efi_files()),
    "ipl": ipl.load,
    "iso-ipl": lambda out: iso.ipl(out, "from"),
    "qcow2-efi": lambda out: disks.convert("from", out, "qcow2"),
    "qcow2-bios": lambda out: disks.convert("from", out, "qcow2"),
    "vmdk": lambda out: disks.convert("from", out, "vmdk"),
    "vhd": lambda out: disks.vhd("from", out),
    "dynamic-vhd": lambda out: disks.dynamic_vhd("from", out),
    "gcp": lambda out: archives.gcp("from", out),
    "docker": lambda out: archives.docker("from", out),
    "tar-kernel-initrd": lambda out: archives.pack(out, ("kernel", "initrd.img", "cmdline")),
    "unpacks": lambda out: unpacks.options("config", out),
    "packed": lambda out: roots.packed("root.tar", out),
    "left": lambda out: linked.leave_out("root.tar", out, os.environ["LEAVE_OUT"].split()),
    "early": lambda out: unpacks.early([f"early/{name}" for name in sorted(os.listdir("early"))], out),
    "kernel+squashfs": lambda out: roots.squashfs("root.tar", out),
    "kernel+erofs": lambda out: roots.erofs("root.tar", out),
    "kernel+iso": lambda out: iso.data(out, {"root.erofs": "root.erofs"}),
    "verity": lambda out: verity.append("from", out, "out/words"),
    "disk-uki": disk_uki,
    "disk": disk,
    "update": slots.update,
    "rpi": rpi.disk,
    "microvm": lambda out: kernels.plain("kernel", out),
}


def main() -> None:
    """Make it."""
    form, out = sys.argv[1:]
    os.makedirs(os.path.dirname(out), exist_ok=True)
    FORMATS[form](out)


if __name__ == "__main__":
    main()
