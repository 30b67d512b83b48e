"""Compressed streams: what they are, by their first bytes, and their content as a stream. Knows nothing of archives."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, Protocol

import zstandard

from lkbuild.image.errors import ArchiveError

_CHUNK: Final = 1 << 18
#: What a decompressor may allocate: xz -9e needs 65 MiB, zstd --long 128 MiB (also the limit of Linux's own).
_MEMORY: Final = 1 << 28
_ZSTD_WINDOW: Final = 1 << 27
_MAGICS: Final = (
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\x5d\x00\x00", "lzma"),
)
_DAMAGE: Final = (lzma.LZMAError, zlib.error, zstandard.ZstdError, OSError, EOFError, ValueError)


class Reader(Protocol):
    """The part of a binary file that streams need: reads at most so many bytes, nothing at the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end only."""
        ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class Decompressed(io.RawIOBase):
    """The content of a compressed stream. Refuses one that ends early. Each read decompresses what it gives, so memory is bounded."""

    def __init__(self, source: Reader, head: bytes, make: Callable[[], _Decompressor]) -> None:
        super().__init__()
        self._source = source
        self._head = head
        self._make = make
        self._current = make()

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, which must be positive. Raises ArchiveError for damage."""
        try:
            while True:
                if self._current.eof:
                    self._head = self._current.unused_data or self._source.read(_CHUNK)
                    if not self._head.strip(b"\0"):  # the padding of tapes and of dpkg is zeros
                        return b""
                    self._current = self._make()
                if data := self._step(size):
                    return data
        except _DAMAGE as error:
            raise ArchiveError(f"damaged compression ({error})") from error

    def _step(self, size: int) -> bytes:
        current = self._current
        if isinstance(current, lzma.LZMADecompressor | bz2.BZ2Decompressor):
            return current.decompress(self._feed() if current.needs_input else b"", size)
        assert isinstance(current, _Gzip)  # noqa: S101 - the only other one that is made
        return current.decompress(b"" if current.pending else self._feed(), size)

    def _feed(self) -> bytes:
        data, self._head = self._head or self._source.read(_CHUNK), b""
        if not data:
            raise ArchiveError("the compressed stream ends early")
        return data


class _Gzip:
    """zlib's decompressor for gzip, which keeps the input that it did not come to."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def pending(self) -> bool:
        return bool(self._inner.unconsumed_tail)

    def decompress(self, data: bytes, size: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, size)


class _Rest:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, source: Reader) -> None:
        self._head = head
        self._source = source

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._source.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


class _Zstd:
    """zstandard's stream, with its errors as ours."""

    def __init__(self, source: Reader) -> None:
        file: BinaryIO = source  # type: ignore[assignment] # only read() is called
        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(file, read_across_frames=True)

    def read(self, size: int, /) -> bytes:
        try:
            return self._inner.read(size)
        except zstandard.ZstdError as error:
            raise ArchiveError(f"damaged compression ({error})") from error


def kind_of(head: bytes) -> str | None:
    """The compression that starts with these bytes (6 suffice): xz, zst, gz, bz2, lzma; None for no known one."""
    return next((name for magic, name in _MAGICS if head.startswith(magic)), None)


def decompressed(source: Reader) -> Reader:
    """The content of a stream that may be compressed, by its first bytes. Raises ArchiveError, then or at a read, for damage."""
    head = b""
    while len(head) < 6 and (more := source.read(6 - len(head))):
        head += more
    kind = kind_of(head)
    if kind is None:
        return _Rest(head, source)
    if kind == "zst":
        return _Zstd(_Rest(head, source))
    makers: dict[str, Callable[[], _Decompressor]] = {
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY),
        "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY),
        "bz2": bz2.BZ2Decompressor,
        "gz": _Gzip,
    }
    return Decompressed(source, head, makers[kind])


def zstd_frame(chunks: Iterable[bytes], *, level: int, threads: int = 1) -> Iterator[bytes]:
    """One zstd frame of a stream.

    The bytes do not depend on the number of threads: with one worker or more zstd cuts its input in jobs whose size depends on the
    level alone (a test compares 1, 2 and 4). The window stays below the kernel's limit of 128 MiB (lib/decompress_unzstd.c).
    """
    window = int(zstandard.ZstdCompressionParameters.from_level(level).window_log)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, threads=max(1, threads), write_content_size=False, window_log=min(23, window)
    )
    chunker = zstandard.ZstdCompressor(compression_params=parameters).chunker(chunk_size=_CHUNK)
    for chunk in chunks:
        for data in chunker.compress(chunk):
            yield bytes(data)
    for data in chunker.finish():  # type: ignore[no-untyped-call]
        yield bytes(data)
