"""Disks: a FAT file system with files on it, and the containers that hypervisors want around a raw disk.

Runs inside the sandbox, with mtools, dosfstools, syslinux and qemu-img. All that could be random is derived or fixed. Source: Virtual Hard
Disk Image Format Specification 1.0. Does not know what the files are for.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from typing import IO

import gpt

SECTOR, MIB, GIB = 512, 1 << 20, 1 << 30
FIRST = MIB  # where the partition begins: aligned to whatever the medium's blocks are
FAT_LIMIT = (1 << 32) - 1
CLUSTER, TRACK = 4096, 32 * SECTOR  # of one that is not written to
#: Kinds of FAT by how many clusters they have; mkfs.vfat refuses what is close to where one ends and the next begins (4085, 65525).
KINDS = ((12, 1, 4_060), (16, 4_100, 65_480), (32, 65_600, 1 << 28))


def fat(path: str, files: dict[str, str], *, offset: int = 0, spare: int = 0, tail: int = 0, tight: bool = False) -> int:
    """Make a disk or image with a FAT file system that holds files (path on it, to path here); returns its size in bytes.

    It has room for `spare` bytes more. A `tight` one has room for nothing: it can't be written where it is.
    """
    for source in files.values():
        if os.path.getsize(source) > FAT_LIMIT:
            raise SystemExit(f"{source} has 4 GiB or more: FAT can't hold it; use a format with another file system")
    folders = sorted({name[:end] for name in files for end, letter in enumerate(name) if letter == "/"})
    if tight:
        size, form = least([os.path.getsize(source) for source in files.values()], len(folders))
    else:
        content = sum(os.path.getsize(source) + 64 * 1024 for source in files.values())
        size, form = max(-(-(content + spare + (content + spare) // 64 + 2 * MIB) // MIB), 8) * MIB, []
    with open(path, "wb") as file:
        file.truncate(offset + size + tail)
    words = ["mkfs.vfat", "--invariant", "-i", "4c4b4255", "-n", "LKBUILD", "--offset", str(offset // SECTOR)]
    run([*words, *form, "-h", str(offset // SECTOR), path, str(size // 1024)])
    image = f"{path}@@{offset}"
    if folders:
        run(["mmd", "-i", image, *(f"::{folder}" for folder in folders)])
    for name, source in files.items():
        run(["mcopy", "-m", "-i", image, plain(source), f"::{name}"])
    return size


def least(sizes: list[int], folders: int) -> tuple[int, list[str]]:
    """How large a FAT file system has to be for files, and what mkfs.vfat is told."""
    wanted = sum(-(-size // CLUSTER) for size in sizes) + folders
    kind, fewest, _ = next(row for row in KINDS if wanted <= row[2])
    clusters = max(wanted, fewest)
    # Two tables; the boot sectors, 32 of FAT32, and what aligns them; a root directory of 16 entries. Then tracks, to which mkfs.vfat cuts.
    size = clusters * CLUSTER + 2 * clusters * kind // 8 + (12 if kind == 32 else 6) * CLUSTER
    return -(-size // TRACK) * TRACK, ["-F", str(kind), "-s", str(CLUSTER // SECTOR), *(["-r", "16"] if kind < 32 else [])]


def plain(source: str) -> str:
    """A copy with the fixed time, which FAT keeps."""
    target = f"/tmp/dated-{os.path.basename(source)}"
    shutil.copyfile(source, target)
    os.utime(target, (int(os.environ["SOURCE_DATE_EPOCH"]),) * 2)
    return target


def efi_disk(path: str, files: dict[str, str]) -> None:
    """GPT with one EFI system partition."""
    size = fat(path, files, offset=FIRST, tail=MIB)
    gpt.write(path, [gpt.Partition(gpt.ESP, "EFI", "esp", FIRST, size)])


def bios_disk(path: str, files: dict[str, str]) -> None:
    """MBR with one active FAT partition from which syslinux boots."""
    size = fat(path, files, offset=FIRST)
    run(["syslinux", "--install", "--offset", str(FIRST), path])
    with open("/usr/lib/syslinux/mbr/mbr.bin", "rb") as file:
        mbr(path, size, file.read())


def mbr(path: str, size: int, code: bytes = b"") -> None:
    """A partition table of the old kind with one active FAT partition."""
    partition = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0C, b"\xfe\xff\xff", FIRST // SECTOR, size // SECTOR)
    with open(path, "r+b") as file:
        file.write(code.ljust(440, b"\0") + b"LKB1\0\0" + partition.ljust(64, b"\0") + b"\x55\xaa")


def convert(raw: str, path: str, form: str) -> None:
    """A raw disk as qcow2 or vmdk."""
    options = {"qcow2": ["-c", "-o", "compat=1.1"], "vmdk": ["-o", "subformat=streamOptimized"]}[form]
    run(["qemu-img", "convert", "-f", "raw", "-O", form, *options, raw, path])
    if form == "vmdk":
        fix_content_id(path)


def fix_content_id(path: str) -> None:
    """A VMDK's content id is random, and of no fixed width: its descriptor is written anew (Virtual Disk Format 5.0)."""
    with open(path, "r+b") as file:
        offset, size = (SECTOR * value for value in struct.unpack_from("<QQ", file.read(SECTOR), 28))
        file.seek(offset)
        text = re.sub(rb"^CID=[0-9a-f]+$", b"CID=4c4b4231", file.read(size).rstrip(b"\0"), flags=re.MULTILINE)
        file.seek(offset)
        file.write(text.ljust(size, b"\0"))


def vhd(raw: str, path: str, *, whole: int = MIB) -> None:
    """A fixed VHD: the disk, filled up to a multiple of `whole` (Azure: 1 MiB), and a footer."""
    shutil.copyfile(raw, path)
    size = -(-os.path.getsize(raw) // whole) * whole
    os.truncate(path, size)
    with open(path, "ab") as file:
        file.write(footer(size, offset=(1 << 64) - 1, kind=2))


def dynamic_vhd(raw: str, path: str) -> None:
    """A VHD that grows, as qemu-img writes it; its footer, and the footer's copy at its beginning, hold a time and a random id."""
    run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", raw, path])
    with open(path, "r+b") as file:
        size = struct.unpack_from(">Q", file.read(SECTOR), 48)[0]
        written = footer(size, offset=SECTOR, kind=3)
        file.seek(0)
        file.write(written)
        file.seek(-SECTOR, os.SEEK_END)
        file.write(written)


def footer(size: int, *, offset: int, kind: int) -> bytes:
    """A VHD's footer. `offset` is where the header of one that grows lies; `kind` is 2 for a fixed one, 3 for one that grows."""
    cylinders, heads, sectors = geometry(size // SECTOR)
    stamp = max(0, int(os.environ["SOURCE_DATE_EPOCH"]) - 946684800)  # seconds since 2000
    fields = [b"conectix", 2, 0x10000, offset, stamp, b"lkb ", 0x10000, b"Wi2k", size, size]
    fields += [cylinders, heads, sectors, kind, 0, gpt.guid("vhd", size).bytes]
    form = ">8sIIQI4sI4sQQHBBII16s"
    fields[14] = ~sum(struct.pack(form, *fields)) & 0xFFFFFFFF
    return struct.pack(form, *fields).ljust(SECTOR, b"\0")


def geometry(total: int) -> tuple[int, int, int]:
    """Cylinders, heads and sectors per track: the specification's appendix."""
    total = min(total, 65535 * 16 * 255)
    if total >= 65535 * 16 * 63:
        return total // 255 // 16, 16, 255
    sectors, heads = 17, max(4, -(-total // 17 // 1024))
    if total // 17 >= heads * 1024 or heads > 16:
        sectors, heads = 31, 16
    if total // sectors >= heads * 1024:
        sectors, heads = 63, 16
    return total // sectors // heads, heads, sectors


def run(command: list[str], stdin: IO[bytes] | None = None) -> None:
    """A tool; what it says is the action's log."""
    subprocess.run(command, check=True, stdin=stdin, env={**os.environ, "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"})
