"""Bytes in and out of files: zstd where it helps, holes of sparse files neither read nor written, every read checked.

Knows no store: paths, file descriptors and digests only. Memory does not grow with the size of what passes through.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import zstandard
from blake3 import blake3

from lkbuild.base.digest import Digest

#: Of programs it takes 15 % more room than 3 and two fifths of the time, which is most of what a cold image costs; ccache chose the same.
LEVEL: Final = 1
PROBE: Final = 128 * 1024
CHUNK: Final = 1 << 20
_HOLE_BLOCK: Final = 64 * 1024
_ZEROS: Final = bytes(CHUNK)
#: Below this a second thread gains less than a tenth of a second, takes 16 MiB, and what else is built has the other processor.
LARGE: Final = 128 << 20
#: Below this a frame's header eats what compression gains.
_SMALLEST: Final = 128
_local = threading.local()
#: Held by the one stream that is compressed by two threads: a second one at that time has a processor of its own, and 16 MiB less.
_two_threads = threading.Lock()


class Damaged(Exception):
    """Stored bytes that are not what their digest says."""


def shrink(data: bytes) -> bytes | None:
    """Small data as a zstd frame, or None where that does not save 5 %."""
    if len(data) < _SMALLEST:
        return None
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    packed = compressor.compress(data)
    return packed if len(packed) < len(data) * 0.95 else None


def restore(data: bytes, size: int) -> bytes:
    """The inverse of `shrink`. Raises Damaged; never makes more than `size` bytes."""
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        # The frame's own size decides how much is allocated: a damaged one may claim anything.
        if zstandard.frame_content_size(data) != size:
            raise Damaged("frame size")
        return decompressor.decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise Damaged(str(error)) from error


def worth_compressing(head: bytes) -> bool:
    """Whether zstd saves 5 % of the first PROBE bytes of a file."""
    return len(zstandard.ZstdCompressor(level=1).compress(head[:PROBE])) < len(head[:PROBE]) * 0.95


def chunks_of(handle: int) -> Iterator[bytes]:
    """The content of an open file from its start; zeros for holes, which are not read (lseek(2): SEEK_DATA)."""
    position, end = 0, os.fstat(handle).st_size
    while position < end:
        start, stop = _extent(handle, position, end)
        while position < start:
            size = min(CHUNK, start - position)
            yield _ZEROS[:size]
            position += size
        while position < stop:
            chunk = os.pread(handle, min(CHUNK, stop - position), position)
            if not chunk:
                return
            yield chunk
            position += len(chunk)
    # A file that grew since: the rest, so that what is hashed is what a reader would get.
    while chunk := os.pread(handle, CHUNK, position):
        yield chunk
        position += len(chunk)


def _extent(handle: int, position: int, end: int) -> tuple[int, int]:
    try:
        start = os.lseek(handle, position, os.SEEK_DATA)
        return start, min(os.lseek(handle, start, os.SEEK_HOLE), end)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return end, end
        return position, end  # a file system without holes


class Sink:
    """Takes chunks, hashes them, and writes them raw (with holes for zeros) or as one zstd frame."""

    def __init__(self, handle: int, *, compressed: bool, expected: int = 0) -> None:
        self._file = _WholeFile(handle, "wb")
        self._hash = blake3()
        self.size = 0
        self._out: BinaryIO | zstandard.ZstdCompressionWriter | None = None
        self._two = compressed and expected >= LARGE and _two_threads.acquire(blocking=False)
        if compressed:
            compressor = zstandard.ZstdCompressor(level=LEVEL, threads=2 if self._two else 0)
            self._out = compressor.stream_writer(self._file, closefd=False)

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._hash.update(chunk)
        self.size += len(chunk)
        if self._out is not None:
            self._out.write(chunk)
        elif len(chunk) >= _HOLE_BLOCK and chunk == _ZEROS[: len(chunk)]:
            self._file.seek(len(chunk), os.SEEK_CUR)
        else:
            self._file.write(chunk)

    def finish(self, mode: int, mtime: int) -> Digest:
        """End the file, set its mode and time; the digest of what went in."""
        if self._out is not None:
            self._out.close()
            self._let_go()
        else:
            self._file.truncate(self.size)
        os.fchmod(self._file.fileno(), mode)
        os.utime(self._file.fileno(), (mtime, mtime))
        self._file.close()
        return Digest(self._hash.hexdigest(), self.size)

    def abort(self) -> None:
        """Close without ending well; harmless after `finish`."""
        self._let_go()
        self._file.close()

    def _let_go(self) -> None:
        if self._two:
            self._two = False
            _two_threads.release()


class _WholeFile(io.FileIO):
    """A file that takes all of what is written. A disk that has room for a part takes that and says so by a number alone (write(2)),
    which zstandard does not look at: of a frame whose end is lost it would say nothing.
    """

    def write(self, data: bytes) -> int:  # type: ignore[override]  # typeshed's buffer type is 3.12's
        """Append all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[super().write(view) or 0 :]
        return len(data)


class CheckedReader(io.RawIOBase):
    """A stream of a stored blob that raises Damaged, at the latest at its end, where it is not what the digest says."""

    def __init__(self, path: Path, digest: Digest, *, compressed: bool) -> None:
        super().__init__()
        self._digest, self._hash, self._size = digest, blake3(), 0
        self._file = path.open("rb")
        self._source = zstandard.ZstdDecompressor().stream_reader(self._file) if compressed else self._file

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed's buffer type is 3.12's
        """Fill a buffer."""
        view = memoryview(buffer)
        try:
            count = self._source.readinto(view)
        except zstandard.ZstdError as error:
            raise Damaged(str(error)) from error
        self._hash.update(view[:count])
        self._size += count
        ended = not count and len(view)
        if self._size > self._digest.size or (ended and Digest(self._hash.hexdigest(), self._size) != self._digest):
            raise Damaged(str(self._digest))
        return count

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()


def chunks_checked(path: Path, digest: Digest, *, compressed: bool) -> Iterator[bytes]:
    """The uncompressed content of a blob's file. Raises Damaged, or OSError where it is gone."""
    with CheckedReader(path, digest, compressed=compressed) as reader:
        while chunk := reader.read(CHUNK):
            yield chunk


def chunks_unchecked(path: Path, *, compressed: bool) -> Iterator[bytes]:
    """What a blob's file holds, uncompressed, for those who check it. Raises Damaged where that can't be had, or OSError."""
    with path.open("rb") as file:
        source = zstandard.ZstdDecompressor().stream_reader(file) if compressed else file
        try:
            while chunk := source.read(CHUNK):
                yield chunk
        except zstandard.ZstdError as error:
            raise Damaged(str(error)) from error
