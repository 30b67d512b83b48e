"""media.py FORMAT OUT: one boot medium from what lies beside it. Runs inside the sandbox.

Reads kernel, initrd.img and cmdline, os-release, or the medium that a format is made of (`from`).
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile

import disks
import pe

#: Name of the EFI program that firmware starts from removable media (UEFI 2.10, 3.5.1.1), and of the stub, by architecture.
EFI = {"amd64": ("BOOTX64.EFI", "linuxx64.efi.stub"), "arm64": ("BOOTAA64.EFI", "linuxaa64.efi.stub")}
SYSLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"


def uki(out: str) -> None:
    """One EFI program: stub, kernel, initrd, command line."""
    with open(f"/usr/lib/systemd/boot/efi/{EFI[os.environ['ARCH']][1]}", "rb") as file:
        stub = file.read()
    sections = [
        (".osrel", "os-release", pe.DATA),
        (".cmdline", "cmdline", pe.DATA),
        (".initrd", "initrd.img", pe.DATA),
        (".linux", "kernel", pe.CODE),
    ]
    with open(out, "wb") as file:
        pe.unify(stub, sections, file)


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


def iso(out: str, *, bios: bool, efi: bool) -> None:
    """An ISO 9660 image that firmware boots as a CD-ROM and, copied to it, as a disk."""
    root = "/tmp/iso"
    os.makedirs(root)
    words = ["xorriso", "-as", "mkisofs", "-o", out, "-V", "LKBUILD", "-R", "-J"]
    if bios:
        for name, source in loader_files().items():
            shutil.copyfile(source, f"{root}/{'isolinux.cfg' if name == 'syslinux.cfg' else name}")
        shutil.copyfile("/usr/lib/ISOLINUX/isolinux.bin", f"{root}/isolinux.bin")
        words += ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
        words += ["-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin"]
    if efi:
        disks.fat(f"{root}/efi.img", efi_files())
        words += ["-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot"] if bios else ["-e", "efi.img", "-no-emul-boot"]
        words += ["-isohybrid-gpt-basdat"] if bios else []
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for folder, _, names in os.walk(root):
        for name in [*names, "."]:
            os.utime(os.path.join(folder, name), (epoch, epoch))
    subprocess.run([*words, root], check=True)


def gcp(out: str) -> None:
    """Google Cloud's: a gzipped tar with disk.raw, a whole number of GiB (cloud.google.com/compute/docs/import/import-existing-image)."""
    size = -(-os.path.getsize("from") // disks.GIB) * disks.GIB
    shutil.copyfile("from", "/tmp/disk.raw")
    os.truncate("/tmp/disk.raw", size)
    member = tarfile.TarInfo("disk.raw")
    member.size, member.mtime, member.mode = size, int(os.environ["SOURCE_DATE_EPOCH"]), 0o644
    with (
        open(out, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
        open("/tmp/disk.raw", "rb") as disk,
    ):
        archive.addfile(member, disk)


FORMATS = {
    "uki": uki,
    "raw-efi": lambda out: disks.efi_disk(out, efi_files()),
    "raw-bios": lambda out: disks.bios_disk(out, loader_files()),
    "iso-bios": lambda out: iso(out, bios=True, efi=False),
    "iso-efi": lambda out: iso(out, bios=False, efi=True),
    "iso": lambda out: iso(out, bios=True, efi=True),
    "qcow2-efi": lambda out: disks.convert("from", out, "qcow2"),
    "qcow2-bios": lambda out: disks.convert("from", out, "qcow2"),
    "vmdk": lambda out: disks.convert("from", out, "vmdk"),
    "vhd": lambda out: disks.vhd("from", out),
    "gcp": gcp,
}


def main() -> None:
    """Make it."""
    form, out = sys.argv[1:]
    os.makedirs(os.path.dirname(out), exist_ok=True)
    FORMATS[form](out)


if __name__ == "__main__":
    main()
