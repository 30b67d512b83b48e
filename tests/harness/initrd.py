"""What a kernel finds in an initrd: the entries of all its archives, the later over the earlier. Knows newc and zstd only."""

from __future__ import annotations

from dataclasses import dataclass

import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Found:
    """One entry."""

    mode: int
    uid: int
    content: bytes


def unpacked(data: bytes) -> dict[str, Found]:
    """Entries by path. Frames of zstd follow each other, each with one archive; what stands before them is not compressed."""
    found: dict[str, Found] = {}
    rest = data[data.find(_MAGIC) :]
    while rest:
        frame = zstandard.ZstdDecompressor().decompressobj()
        found |= _entries(frame.decompress(rest))
        rest = frame.unused_data.lstrip(b"\0")  # frames are padded to 4 bytes
    return found


def _entries(data: bytes) -> dict[str, Found]:
    found: dict[str, Found] = {}
    at = 0
    while (at := data.find(b"070701", at)) >= 0:
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        name_end = at + 110 + fields[11]
        name = data[at + 110 : name_end - 1].decode()
        start = (name_end + 3) & ~3
        if name != "TRAILER!!!":
            found[name] = Found(fields[1], fields[2], data[start : start + fields[6]])
        at = (start + fields[6] + 3) & ~3
    return found
