"""Blobs that are others, one after the other: the list of them, and a stream over it. An image's initrd is its segments, stored once.

A list is a checksum over the whole's name and the list, then hash and size of each part. Parts are no lists themselves. Every part is
checked against its digest when it is read, so the whole is what it was when the list was made. Knows no database.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final

from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobMissing
from lkbuild.store import codec

_CHECKSUM: Final = 8
_HASH: Final = 32
_ENTRY: Final = _HASH + 8


def encode(whole: Digest, parts: Iterable[Digest]) -> bytes:
    """A list as the database keeps it."""
    entries = b"".join(bytes.fromhex(part.hash) + part.size.to_bytes(8, "little") for part in parts)
    return _checksum(whole, entries) + entries


def decode(whole: Digest, data: bytes) -> list[Digest]:
    """The parts of a whole. Raises Damaged."""
    check, entries = data[:_CHECKSUM], data[_CHECKSUM:]
    if check != _checksum(whole, entries):
        raise codec.Damaged(f"the parts of {whole}")
    return [
        Digest(entries[start : start + _HASH].hex(), int.from_bytes(entries[start + _HASH : start + _ENTRY], "little"))
        for start in range(0, len(entries), _ENTRY)
    ]


def _checksum(whole: Digest, entries: bytes) -> bytes:
    return blake3(bytes.fromhex(whole.hash) + whole.size.to_bytes(8, "little") + entries).digest(_CHECKSUM)


class PartsReader(io.RawIOBase):
    """A stream over parts, each of which checks itself. What is wrong with one is wrong with the whole: BlobMissing names that."""

    def __init__(self, whole: Digest, parts: Iterable[Digest], read: Callable[[Digest], BinaryIO]) -> None:
        """`read`: opens a part."""
        super().__init__()
        self._whole = whole
        self._parts: Iterator[Digest] = iter(parts)
        self._read = read
        self._stream: BinaryIO | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's buffer type is 3.12's
        """Fill a buffer from one part."""
        with self._as_whole():
            while len(buffer):
                if self._stream is None:
                    part = next(self._parts, None)
                    if part is None:
                        return 0
                    self._stream = self._read(part)
                count: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]  # of every stream of a store
                if count:
                    return count
                self._stream.close()
                self._stream = None
        return 0

    @contextlib.contextmanager
    def _as_whole(self) -> Iterator[None]:
        try:
            yield
        except BlobMissing as error:
            raise BlobMissing(self._whole) from error

    def close(self) -> None:
        """Close the part that is open."""
        if self._stream is not None:
            self._stream.close()
        super().close()
