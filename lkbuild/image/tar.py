"""Tar archives: members of a stream, read with suspicion; headers written in one canonical form.

Reading is tarfile's parser over a stream that only goes forward and that refuses to hold a large header in memory. Writing is our
own: tarfile's choice of extended headers may change with Python's version, and our bytes may not. Knows nothing of layers.
Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; star(5) for SCHILY.xattr.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from lkbuild.image.compression import Reader, decompressed
from lkbuild.image.entries import DEFAULT_LIMITS, MTIME, Entry, Kind, Limits, clean
from lkbuild.image.errors import ArchiveError

BLOCK: Final = 512
_CHUNK: Final = 1 << 18
#: The largest read that a header may ask for; pax headers with capabilities take a few hundred bytes.
_HEADER_MAX: Final = 1 << 20
_XATTR: Final = "SCHILY.xattr."
_KINDS: Final = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.CHRTYPE: Kind.CHARACTER,
    tarfile.BLKTYPE: Kind.BLOCK,
    tarfile.FIFOTYPE: Kind.FIFO,
}
_FLAGS: Final = {
    Kind.FILE: b"0",
    Kind.HARDLINK: b"1",
    Kind.SYMLINK: b"2",
    Kind.CHARACTER: b"3",
    Kind.BLOCK: b"4",
    Kind.DIRECTORY: b"5",
    Kind.FIFO: b"6",
}


class Content:
    """The bytes of one member: read before the next member is asked for. What is not read is skipped."""

    def __init__(self, stream: _Forward, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        data = self._stream.read(min(size, self._left, _CHUNK))
        if not data and self._left and size:
            raise ArchiveError("the archive ends within a file")
        self._left -= len(data)
        return data

    def chunks(self) -> Iterator[bytes]:
        """All of it."""
        while data := self.read(_CHUNK):
            yield data


class _Forward:
    """What tarfile needs of a file, over a stream: it can only go forward, counts, and refuses what is too large."""

    def __init__(self, source: Reader, limits: Limits) -> None:
        self._source = source
        self._limit = limits.total_bytes
        self._at = 0
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_MAX:
            raise ArchiveError(f"a header of {size} bytes")
        parts, wanted = [], size
        while wanted and (data := self._source.read(wanted)):
            parts.append(data)
            wanted -= len(data)
        self._at += size - wanted
        if self._at > self._limit:
            raise ArchiveError(f"more than {self._limit} bytes when unpacked")
        self._last = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._last

    def finish(self) -> None:
        """Check that it was the end that ended the archive (tarfile takes a damaged header for one), and the compression's checksum."""
        if len(self._last) != BLOCK or self._last.strip(b"\0"):
            raise ArchiveError("a damaged header, or an archive that ends early")
        while self.read(_CHUNK):
            pass

    def tell(self) -> int:
        return self._at

    def seek(self, position: int, _whence: int = 0) -> int:
        if position < self._at:
            raise ArchiveError("a header that points backwards")
        if position > self._limit:
            raise ArchiveError(f"more than {self._limit} bytes when unpacked")
        while self._at < position and self.read(min(_CHUNK, position - self._at)):
            pass
        return self._at


def tar_members(source: Reader, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[Entry, Content]]:
    """The members of a tar stream, compressed or not, in its order. The root's own entry (`./`) is left out.

    Raises:
        ArchiveError: damage; a path that is absolute or has `..`; a kind that is none; more than the limits.
    """
    stream = _Forward(decompressed(source), limits)
    try:
        with tarfile.TarFile(fileobj=stream, encoding="utf-8", errors="surrogateescape") as archive:  # type: ignore[arg-type]
            yield from _members(archive, stream, limits)
        stream.finish()
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise ArchiveError(f"damaged tar ({error})") from error


def _members(archive: tarfile.TarFile, stream: _Forward, limits: Limits) -> Iterator[tuple[Entry, Content]]:
    count = 0
    while (member := archive.next()) is not None:
        vars(archive)["members"] = []  # tarfile keeps them all otherwise
        count += 1
        if count > limits.entries:
            raise ArchiveError(f"more than {limits.entries} entries")
        entry = _entry(member)
        if entry.path:
            # A member's data starts where tarfile noted it; a header that overstates its size ends at the limit.
            stream.seek(member.offset_data)
            yield entry, Content(stream, entry.size)


def _entry(member: tarfile.TarInfo) -> Entry:
    kind = _KINDS.get(member.type)
    if kind is None or member.sparse is not None:
        raise ArchiveError("a kind of entry that is not supported", member=member.name)
    if member.size < 0:
        raise ArchiveError("a negative size", member=member.name)
    headers = member.pax_headers
    xattrs = {key.removeprefix(_XATTR): value for key, value in headers.items() if key.startswith(_XATTR)}
    target = member.linkname if kind is Kind.SYMLINK else clean(member.linkname) if kind is Kind.HARDLINK else ""
    return Entry(
        path=clean(member.name),
        kind=kind,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size if kind is Kind.FILE else 0,
        target=target,
        device=(member.devmajor, member.devminor) if kind in (Kind.CHARACTER, Kind.BLOCK) else (0, 0),
        xattrs=tuple(sorted((name, _bytes(value)) for name, value in xattrs.items())),
    )


def header(entry: Entry) -> bytes:
    """The canonical header blocks of an entry: ustar, preceded by a pax header only for what ustar can't say."""
    path = _bytes(entry.path) + (b"/" if entry.kind is Kind.DIRECTORY else b"")
    target = _bytes(entry.target)
    records = []
    if len(path) > 100 or not path.isascii():
        records.append((b"path", path))
    if len(target) > 100 or not target.isascii():
        records.append((b"linkpath", target))
    records += [(key, b"%d" % value) for key, value in ((b"uid", entry.uid), (b"gid", entry.gid)) if value >= 8**7]
    if entry.size >= 8**11:
        records.append((b"size", b"%d" % entry.size))
    records += [(_bytes(_XATTR + name), value) for name, value in entry.xattrs]
    block = _ustar(path, target, _FLAGS[entry.kind], entry)
    if not records:
        return block
    body = b"".join(_record(key, value) for key, value in sorted(records))
    extension = Entry(path="", kind=Kind.FILE, mode=0o644, size=len(body))
    return _ustar(b"././@PaxHeader", b"", b"x", extension) + body + padding(len(body)) + block


def padding(size: int) -> bytes:
    """The zeros after `size` bytes up to the next block."""
    return bytes(-size % BLOCK)


#: The end of an archive: two blocks of zeros.
END: Final = bytes(2 * BLOCK)


def _ustar(path: bytes, target: bytes, flag: bytes, entry: Entry) -> bytes:
    fields = b"".join(
        (
            path[:100].ljust(100, b"\0"),
            _octal(entry.mode, 8),
            _octal(entry.uid if entry.uid < 8**7 else 0, 8),
            _octal(entry.gid if entry.gid < 8**7 else 0, 8),
            _octal(entry.size if entry.size < 8**11 else 0, 12),
            _octal(MTIME, 12),
            b" " * 8,
            flag,
            target[:100].ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(64),
            _octal(entry.device[0], 8),
            _octal(entry.device[1], 8),
            bytes(155 + 12),
        )
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def _octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def _record(key: bytes, value: bytes) -> bytes:
    """A pax record: its own length, in decimal and counting itself, a space, key=value, a line feed."""
    rest = len(key) + len(value) + 3
    size = rest + len(str(rest))
    size = rest + len(str(size))
    return b"%d %s=%s\n" % (size, key, value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
