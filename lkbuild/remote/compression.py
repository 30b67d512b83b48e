"""zstd on the wire, bounded: however small a message is, no more comes out of it than the digest says. Knows no protocol."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

import zstandard

from lkbuild.remote.faults import Misbehaved

_LEVEL: Final = 3
_CHUNK: Final = 1 << 20
#: Below this a frame's header eats what compression gains.
SMALLEST: Final = 128
#: What is looked at to see whether compression pays.
PROBE: Final = 64 << 10
#: A context of each thread: to make one costs more than to compress a small blob.
_local = threading.local()


def shrink(data: bytes) -> bytes | None:
    """Data as one frame, or None where that does not save 5 %."""
    if len(data) < SMALLEST:
        return None
    frame = packed(data)
    return frame if len(frame) < len(data) * 0.95 else None


def packed(data: bytes) -> bytes:
    """Data as one frame."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return compressor.compress(data)


def restore(data: bytes, size: int) -> bytes:
    """The inverse of `shrink`. Raises Misbehaved where another number of bytes than `size` would come out."""
    out = _frame(data, size)
    if out is None:  # several frames, or one that does not say how long it is
        out = b"".join(restored(iter((data,)), size))
    if len(out) != size:
        raise Misbehaved(f"{len(out)} bytes where {size} were due")
    return out


def _frame(data: bytes, size: int) -> bytes | None:
    """What one frame holds that says that it holds so much; None for any other."""
    decompressor: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        if size and zstandard.frame_content_size(data) == size:
            return decompressor.decompress(data, max_output_size=size, allow_extra_data=False)
    except (zstandard.ZstdError, ValueError):
        return None
    return None


def restored(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """A stream of frames, uncompressed, a bounded piece at a time. Raises Misbehaved beyond `limit` bytes, and for what is no zstd."""
    reader = zstandard.ZstdDecompressor().stream_reader(cast("BinaryIO", _Source(chunks)), read_across_frames=True)
    total = 0
    while True:
        try:
            piece = reader.read(_CHUNK)
        except zstandard.ZstdError as error:
            raise Misbehaved(f"damaged zstd: {error}") from error
        if not piece:
            return
        total += len(piece)
        if total > limit:
            raise Misbehaved(f"more than the {limit} bytes that were due")
        yield piece


def compressed(stream: BinaryIO) -> BinaryIO:
    """A stream of bytes as a stream of one frame."""
    return cast("BinaryIO", zstandard.ZstdCompressor(level=_LEVEL).stream_reader(stream))


class _Source(io.RawIOBase):
    """An iterator of chunks as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        head = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(head) :]
        return head
