"""Partition tables: GPT, with its copy at the end, and the protective MBR. Runs inside the sandbox; standard library only.

All that could be random is derived. Source: UEFI 2.10, chapter 5. Does not know what is on the partitions.
"""

from __future__ import annotations

import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

SECTOR, MIB = 512, 1 << 20
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
NAMES = uuid.UUID("9cf0a7b4-6c3b-5b9e-8d0a-1c1f2e7a5e11")  # what our own GUIDs are derived from (RFC 9562 5.5)


@dataclass(frozen=True)
class Partition:
    """One partition: `what` tells it from others of the disk, `first` is its first byte."""

    kind: uuid.UUID
    name: str
    what: str
    first: int
    size: int

    def entry(self) -> bytes:
        """Of the table."""
        first, last = self.first // SECTOR, (self.first + self.size) // SECTOR - 1
        identity = guid(self.what, self.size)
        return struct.pack("<16s16sQQQ72s", self.kind.bytes_le, identity.bytes_le, first, last, 0, self.name.encode("utf-16-le"))


def write(path: str, partitions: Sequence[Partition]) -> None:
    """Write the table into a disk, the last MiB of which is the copy's."""
    total = os.path.getsize(path) // SECTOR
    disk = guid("disk", sum(item.size for item in partitions))
    entries = b"".join(item.entry() for item in partitions).ljust(128 * 128, b"\0")
    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(total - 1, 0xFFFFFFFF))
    with open(path, "r+b") as file:
        file.write(bytes(446) + protective.ljust(64, b"\0") + b"\x55\xaa")
        file.write(header(1, total - 1, 2, total, entries, disk).ljust(SECTOR, b"\0") + entries)
        file.seek((total - 33) * SECTOR)
        file.write(entries + header(total - 1, 1, total - 33, total, entries, disk).ljust(SECTOR, b"\0"))


def header(here: int, other: int, table: int, total: int, entries: bytes, disk: uuid.UUID) -> bytes:
    """A header, its checksum filled in."""
    fields = [b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, total - 34, disk.bytes_le, table, 128, 128, zlib.crc32(entries)]
    blank = struct.pack("<8sIIIIQQQQ16sQIII", *fields)
    fields[3] = zlib.crc32(blank)
    return struct.pack("<8sIIIIQQQQ16sQIII", *fields)


def guid(what: str, size: int) -> uuid.UUID:
    """A GUID that is the same for the same disk layout."""
    return uuid.uuid5(NAMES, f"{what} {size}")
