"""Debian packages: the members of data.tar as a stream. The control archive is not read, and no script of it is ever run.

Source: deb(5): an ar archive of debian-binary ("2.0"), control.tar.*, data.tar.{,gz,xz,zst,bz2,lzma}. Knows nothing of layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from lkbuild.image.entries import DEFAULT_LIMITS, Entry, Kind, Limits
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tar import Content, tar_members

_MAGIC: Final = b"!<arch>\n"
_HEADER: Final = 60
_CHUNK: Final = 1 << 18


class _Slice:
    """A part of a stream, from where it stands."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._file.read(min(size, self._left))
        if not data and size and self._left:
            raise ArchiveError("the package ends early")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        while self._left:
            self.read(_CHUNK)


def deb_members(file: BinaryIO, limits: Limits = DEFAULT_LIMITS, *, devices: bool = False) -> Iterator[tuple[Entry, Content]]:
    """The members of a package's data.tar, in its order; each content is read before the next member is asked for.

    Args:
        file: the package, from its start; read forward only.
        limits: what it may come to, unpacked.
        devices: accept device nodes.

    Raises:
        ArchiveError: no Debian package, damage, or a member that leaves the root or is a device.
    """
    for entry, content in tar_members(_data(file), limits):
        if entry.kind in (Kind.CHARACTER, Kind.BLOCK) and not devices:
            raise ArchiveError("a device node", member=entry.path)
        yield entry, content


def _data(file: BinaryIO) -> _Slice:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ArchiveError("not a Debian package (no ar archive)")
    first = True
    while True:
        name, size = _header(file.read(_HEADER))
        part = _Slice(file, size)
        if first and (name != "debian-binary" or not part.read(size).startswith(b"2.")):
            raise ArchiveError("not a Debian package of format 2")
        first = False
        if name.startswith("data.tar"):
            return part
        part.skip()
        if size % 2:
            file.read(1)


def _header(block: bytes) -> tuple[str, int]:
    if not block:
        raise ArchiveError("a package without data.tar")
    size = block[48:58].strip()
    if len(block) != _HEADER or block[58:] != b"`\n" or not size.isdigit():
        raise ArchiveError("a damaged ar header")
    return block[:16].rstrip(b" ").rstrip(b"/").decode("ascii", "replace"), int(size)
