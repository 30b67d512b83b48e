"""Archives unpacked to plain directories: toolchain trees and sources. No owners, no special modes, only relative links inside.

Every directory is made here, and nothing is written below what is no directory, so no link is ever followed. Of a path in several
packages the last one stands, in whatever order threads come to it. No script of a package is run: what a script would have
linked is asked for by the caller. Does not know the store.
"""

from __future__ import annotations

import os
import posixpath
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

from lkbuild.base.values import dataclass
from lkbuild.image.compression import Reader
from lkbuild.image.deb import deb_members
from lkbuild.image.entries import DEFAULT_LIMITS, Entry, Kind, Limits, clean, excluder, inside
from lkbuild.image.errors import ArchiveError
from lkbuild.image.layer import place, top_links
from lkbuild.image.tar import tar_members

_CHUNK: Final = 1 << 20
_Members = Iterator[tuple[Entry, Reader]]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What stands at a path, and which source (by its number) put it there."""

    kind: Kind
    source: int


class TreeWriter:
    """A directory being filled from several sources at once. Safe to use from many threads.

    Args:
        destination: an empty directory, or one to be made.
    """

    def __init__(self, destination: Path) -> None:
        destination.mkdir(parents=True, exist_ok=True)
        if any(destination.iterdir()):
            raise ArchiveError(f"{destination} is not empty")
        self._root = str(destination)
        self._claims: dict[str, _Claim] = {}
        self._lock = threading.Lock()

    def add(self, entry: Entry, content: Reader, source: int = 0) -> None:
        """Put an entry in its place, unless a later source has done so.

        Raises:
            ArchiveError: a device or fifo, a link that leaves the tree, a directory where another kind stands, or the reverse.
        """
        if entry.kind is Kind.DIRECTORY:
            with self._lock:
                self._directory(entry.path)
        elif entry.kind is Kind.SYMLINK:
            target = inside(entry.path, entry.target)
            with self._lock:
                if self._claim(entry, source):
                    os.symlink(target, self._at(entry.path))  # noqa: PTH211 - hot path
        elif entry.kind is Kind.FILE:
            self._file(entry, content, source)
        elif entry.kind is Kind.HARDLINK:
            self._hard_link(entry, source)
        else:
            raise ArchiveError(f"a {entry.kind.value} in a plain tree", member=entry.path)

    def holds(self, path: str, source: int) -> bool:
        """Whether the path is a file of that source."""
        return self._claims.get(path) == _Claim(Kind.FILE, source)

    def paths(self) -> list[str]:
        """All paths there are."""
        return list(self._claims)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _directory(self, path: str) -> None:
        if not path:
            return
        known = self._claims.get(path)
        if known is None:
            self._directory(posixpath.dirname(path))
            os.mkdir(self._at(path), 0o755)  # noqa: PTH102 - hot path
            self._claims[path] = _Claim(Kind.DIRECTORY, 0)
        elif known.kind is not Kind.DIRECTORY:
            raise ArchiveError(f"a directory where a {known.kind.value} stands, or something below one", member=path)

    def _claim(self, entry: Entry, source: int) -> bool:
        """Make room for an entry. False where a later source's stands. The lock is held."""
        known = self._claims.get(entry.path)
        if known is not None:
            if known.kind is Kind.DIRECTORY:
                raise ArchiveError(f"a {entry.kind.value} where a directory stands", member=entry.path)
            if known.source > source:
                return False
            os.unlink(self._at(entry.path))  # noqa: PTH108 - hot path
        else:
            self._directory(posixpath.dirname(entry.path))
        kind = Kind.FILE if entry.kind is Kind.HARDLINK else entry.kind
        self._claims[entry.path] = _Claim(kind, source)
        return True

    def _file(self, entry: Entry, content: Reader, source: int) -> None:
        with self._lock:
            if not self._claim(entry, source):
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._at(entry.path), flags, 0o600)
        try:
            left = entry.size
            while left:
                data = content.read(min(left, _CHUNK))
                if not data:
                    raise ArchiveError("less content than its size says", member=entry.path)
                left -= len(data)
                while data:
                    data = data[os.write(handle, data) :]
            os.fchmod(handle, 0o755 if entry.mode & 0o111 else 0o644)
        finally:
            os.close(handle)

    def _hard_link(self, entry: Entry, source: int) -> None:
        with self._lock:
            if self._claims.get(entry.target) != _Claim(Kind.FILE, source):
                raise ArchiveError(f"a hard link to {entry.target}, which is no file of its archive", member=entry.path)
            if entry.path != entry.target and self._claim(entry, source):
                os.link(self._at(entry.target), self._at(entry.path))


def unpack_debs(
    debs: Sequence[Path],
    destination: Path,
    *,
    exclude: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    usrmerge: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    threads: int = 2,
) -> None:
    """Debian packages as a plain directory: a toolchain.

    Args:
        debs: package files; of a path in several the last one's stands.
        destination: an empty directory, or one to be made.
        exclude: patterns of paths to leave out (see lkbuild.image.entries.excluder).
        links: further symbolic links by path, made last, over whatever stands there: `{"usr/bin/cc": "gcc-14"}`.
        usrmerge: move bin, sbin, lib and lib64 into usr, and put links at the top for those that there are.
        limits: what each package may come to.
        threads: how many packages are unpacked at once.

    Raises:
        ArchiveError: see deb_members and TreeWriter.add.
    """
    writer = TreeWriter(destination)
    excluded = excluder(exclude)

    def members(deb: BinaryIO) -> _Members:
        for entry, content in deb_members(deb, limits):
            if (placed := place(entry) if usrmerge else entry) is not None:
                yield placed, content

    def unpack(number: int) -> None:
        _unpack(writer, lambda: debs[number].open("rb"), members, number, excluded)

    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="unpack") as pool:
        try:
            for _ in pool.map(unpack, range(len(debs))):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _finish(writer, links or {}, len(debs), usrmerge=usrmerge)


def unpack_tar(
    open_source: Callable[[], BinaryIO],
    destination: Path,
    *,
    strip: int = 0,
    exclude: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> None:
    """A tar, compressed or not, as a plain directory: a source. `strip` leaves out so many leading segments.

    Raises ArchiveError as `tar_members` and `TreeWriter.add` do.
    """
    writer = TreeWriter(destination)

    def members(file: BinaryIO) -> _Members:
        for entry, content in tar_members(file, limits):
            if (stripped := stripped_of(entry, strip)) is not None:
                yield stripped, content

    _unpack(writer, open_source, members, 0, excluder(exclude))
    _finish(writer, links or {}, 1, usrmerge=False)


def stripped_of(entry: Entry, count: int) -> Entry | None:
    """The entry without the first segments of its path; None where nothing is left of it."""
    segments = entry.path.split("/")[count:]
    if not segments:
        return None
    target = "/".join(entry.target.split("/")[count:]) if entry.kind is Kind.HARDLINK else entry.target
    return replace(entry, path="/".join(segments), target=target)


def _unpack(
    writer: TreeWriter,
    opener: Callable[[], BinaryIO],
    members: Callable[[BinaryIO], _Members],
    source: int,
    excluded: Callable[[str], bool],
) -> None:
    """Unpack one archive. A second pass fetches the content of hard links whose first name was excluded."""
    orphans: dict[str, list[Entry]] = {}
    with opener() as file:
        for entry, content in members(file):
            if excluded(entry.path):
                continue
            if entry.kind is Kind.HARDLINK and excluded(entry.target):
                orphans.setdefault(entry.target, []).append(entry)
            else:
                writer.add(entry, content, source)
    if not orphans:
        return
    with opener() as file:
        for entry, content in members(file):
            if entry.kind is Kind.FILE and (names := orphans.pop(entry.path, None)):
                writer.add(replace(entry, path=names[0].path), content, source)
                for name in names[1:]:
                    writer.add(replace(name, target=names[0].path), content, source)
    for names in orphans.values():
        raise ArchiveError(f"a hard link to {names[0].target}, which is not there", member=names[0].path)


def _finish(writer: TreeWriter, links: Mapping[str, str], source: int, *, usrmerge: bool) -> None:
    """Links that no archive carries: those of a merged /usr, and those that the caller asks for."""
    asked: Iterable[Entry] = [Entry(path=clean(path), kind=Kind.SYMLINK, target=target) for path, target in sorted(links.items())]
    for link in [*(top_links(writer.paths()) if usrmerge else ()), *asked]:
        writer.add(link, _NOTHING, source)


class _Nothing:
    def read(self, _size: int, /) -> bytes:
        return b""


_NOTHING: Final = _Nothing()
