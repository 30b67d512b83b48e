"""Roots that lie on a disk and can't be written: squashfs and EROFS from a tar. Runs inside the sandbox, with their tools.

Owners, modes and extended attributes are the tar's; times and ids are fixed. Does not know what is in the tar.
"""

from __future__ import annotations

import os
import uuid

import disks
import gpt

BLOCK = 128 * 1024  # what is read and unpacked at once: larger packs better and costs memory and time for each small read
LARGE = 1024 * 1024  # the largest that there is
SMALL = 19  # the level from which on size is what counts


def squashfs(tar: str, out: str) -> None:
    """One that is read from a disk."""
    write(tar, out, BLOCK, zstd())


def packed(tar: str, out: str) -> None:
    """One that lies in an initrd, so in memory: where it is to be small, as small as squashfs can be.

    xz with its filter for x86's calls takes a tenth less than zstd; our amd64 kernels have both, and others must (docs/guide/images.md).
    """
    if int(os.environ["LEVEL"]) < SMALL:
        write(tar, out, BLOCK, zstd())
    elif os.environ["ARCH"] == "amd64":
        write(tar, out, LARGE, ["-comp", "xz", "-Xbcj", "x86"])
    else:
        write(tar, out, LARGE, ["-comp", "zstd", "-Xcompression-level", "22"])


def zstd() -> list[str]:
    """zstd, at the level that the image says."""
    return ["-comp", "zstd", "-Xcompression-level", os.environ["LEVEL"]]


def write(tar: str, out: str, block: int, compression: list[str]) -> None:
    """SOURCE_DATE_EPOCH is its time, and mksquashfs's output does not depend on the number of processors (since 4.4)."""
    with open(tar, "rb") as file:
        disks.run(["mksquashfs", "-", out, "-tar", "-noappend", "-no-progress", "-quiet", "-b", str(block), *compression], stdin=file)


def erofs(tar: str, out: str) -> None:
    """Its id is derived from its size: two of one machine are told apart by their partitions."""
    identity = uuid.uuid5(gpt.NAMES, f"erofs {os.path.getsize(tar)}")
    options = [f"-zzstd,level={os.environ['LEVEL']}", f"-C{BLOCK // 2}", "-T", os.environ["SOURCE_DATE_EPOCH"], "-U", str(identity)]
    disks.run(["mkfs.erofs", "--quiet", *options, "--tar=f", out, tar])
