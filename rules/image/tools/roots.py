"""Roots that lie on a disk and can't be written: squashfs and EROFS from a tar. Runs inside the sandbox, with their tools.

Owners, modes and extended attributes are the tar's; times and ids are fixed. Does not know what is in the tar.
"""

from __future__ import annotations

import os
import uuid

import disks
import gpt
import linked
import unpacks

BLOCK = 128 * 1024  # what is read and unpacked at once: larger packs better and costs memory and time for each small read
LARGE = 1024 * 1024  # the largest that there is


def squashfs(tar: str, out: str) -> None:
    """One that is read from a disk."""
    write(tar, out, BLOCK, zstd())


def packed(tar: str, out: str) -> None:
    """One that lies in an initrd, so in memory: where it is to be small, as small as the kernel can read it."""
    small = int(os.environ["LEVEL"]) >= unpacks.SMALL
    compression = unpacks.squashfs(unpacks.read("unpacks"), os.environ["ARCH"], int(os.environ["LEVEL"]))
    if patterns := os.environ["LEAVE_OUT"].split():
        linked.leave_out(tar, "/tmp/root.tar", patterns)
        tar = "/tmp/root.tar"
    write(tar, out, LARGE if small else BLOCK, compression)


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
