"""ISO 9660 images: bootable ones, and ones that only hold a file. Runs inside the sandbox, with xorriso.

One for both BIOS and UEFI holds kernel and initrd once: they lie in the EFI program, in the FAT file system that UEFI boots, and the
entries of ISO 9660 that isolinux reads point there. Sources: ECMA-119 9.1 (directory records), El Torito 1.0. Does not know FAT.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct

import disks

BLOCK = 2048
ROOT = "/tmp/iso"


def data(out: str, files: dict[str, str]) -> None:
    """An image with files (name to path here)."""
    write(out, files, [])


def bootable(out: str, *, bios: dict[str, str] | None = None, efi: dict[str, str] | None = None) -> None:
    """One that firmware boots as a CD-ROM and, copied to it, as a disk. `bios` is what isolinux reads, `efi` is on the EFI partition."""
    files, words = dict(bios or {}), []
    shared: dict[str, str] = {}
    if bios:
        files["isolinux.cfg"] = files.pop("syslinux.cfg")
        files["isolinux.bin"] = "/usr/lib/ISOLINUX/isolinux.bin"
        words += ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
        # Not filled up to a whole number of cylinders, which are of 1 MiB there: who reads a disk by its blocks does not see them.
        words += ["-isohybrid-mbr", "/usr/lib/ISOLINUX/isohdpfx.bin", "-partition_cyl_align", "off"]
    if efi:
        disks.fat("/tmp/efi.img", efi, tight=True)
        files["efi.img"] = "/tmp/efi.img"
        words += ["-eltorito-alt-boot", "-e", "efi.img", "-no-emul-boot"] if bios else ["-e", "efi.img", "-no-emul-boot"]
        words += ["-isohybrid-gpt-basdat"] if bios else []
    if bios and efi:
        shared = {name: files[name] for name in ("kernel", "initrd.img")}
        with open("/tmp/empty", "wb") as file:
            file.write(b"-")  # a file without content has no extent
        files |= dict.fromkeys(shared, "/tmp/empty")
    write(out, files, words)
    if shared:
        share(out, shared)


def ipl(out: str, piece: str) -> None:
    """One that s390x machines load a piece from (ipl.py): QEMU's firmware by El Torito, a management console by the .ins file."""
    with open("/tmp/lkbuild.ins", "w") as file:
        file.write("* lkbuild\nimage.ipl 0x00000000\n")
    words = ["-b", "image.ipl", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4"]
    write(out, {"image.ipl": piece, "lkbuild.ins": "/tmp/lkbuild.ins"}, words)


def write(out: str, files: dict[str, str], words: list[str]) -> None:
    """Make the image."""
    os.makedirs(ROOT)
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for name, source in files.items():
        shutil.copyfile(source, f"{ROOT}/{name}")
        os.utime(f"{ROOT}/{name}", (epoch, epoch))
    os.utime(ROOT, (epoch, epoch))
    disks.run(["xorriso", "-as", "mkisofs", "-no-pad", "-o", out, "-V", "LKBUILD", "-R", "-J", *words, ROOT])


def share(out: str, files: dict[str, str]) -> None:
    """Let the entries of files point to where their content lies already."""
    with open(out, "r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        for name, source in files.items():
            at, size = found(image, source), os.path.getsize(source)
            for position in records(image, name):
                for field, value in ((2, at // BLOCK), (10, size)):
                    struct.pack_into("<I", image, position + field, value)
                    struct.pack_into(">I", image, position + field + 4, value)


def found(image: mmap.mmap, source: str) -> int:
    """Where the content of a file lies in one piece, at the beginning of a block."""
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = image.find(content[: 2 * BLOCK])
        while at >= 0 and (at % BLOCK or image[at : at + len(content)] != content[:]):
            at = image.find(content[: 2 * BLOCK], at + 1)
    if at < 0:
        raise SystemExit(f"{source} does not lie in one piece in the EFI partition")
    return at


def records(image: mmap.mmap, name: str) -> list[int]:
    """The positions of a file's directory records: those of ISO 9660 and Joliet, whose names are UTF-16."""
    spelled = {(name.upper() + ";1").encode(), (name.upper() + ".;1").encode(), name.encode("utf-16-be"), f"{name};1".encode("utf-16-be")}
    positions = []
    for descriptor in range(16, 32):
        at = descriptor * BLOCK
        if image[at] == 255:
            break
        if image[at] not in (1, 2):
            continue
        extent, size = (struct.unpack_from("<I", image, at + 156 + field)[0] for field in (2, 10))
        positions += [position for position, found_name in entries(image, extent * BLOCK, size) if found_name in spelled]
    if len(positions) < 2:
        raise SystemExit(f"{name} has {len(positions)} directory records, where two trees have one each")
    return positions


def entries(image: mmap.mmap, start: int, size: int) -> list[tuple[int, bytes]]:
    """The records of a directory, with their names."""
    position, all_of_it = start, []
    while position < start + size:
        length = image[position]
        if not length:  # no record crosses a block
            position = (position // BLOCK + 1) * BLOCK
            continue
        all_of_it.append((position, image[position + 33 : position + 33 + image[position + 32]]))
        position += length
    return all_of_it
