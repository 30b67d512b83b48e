"""A root file system being put together: entries in memory, contents in one anonymous file, until it is written as a layer.

Hard links are names of one file here, so that which name comes first, or is left out, does not matter. Owners, modes and extended
attributes are values: nothing is created on the host's file system, so no privilege is needed and no link can be followed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from lkbuild.base.values import dataclass
from lkbuild.image import tar
from lkbuild.image.compression import Reader
from lkbuild.image.entries import Entry, Kind, parents
from lkbuild.image.errors import ArchiveError

_CHUNK: Final = 1 << 18
#: Contents up to this many bytes in total stay in memory.
_IN_MEMORY: Final = 16 << 20


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """A file or other thing, whatever its names; compared by identity, as an inode is. `offset` is where its content lies."""

    entry: Entry
    offset: int = 0


class Staging:
    """Entries by path. Use as a context: its temporary file goes with it.

    Args:
        scratch: a directory for the temporary file, which never has a name.
    """

    def __init__(self, scratch: Path) -> None:
        self._nodes: dict[str, _Node] = {}
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch))  # noqa: SIM115 - closed by __exit__
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._spool.close()

    def add(self, entry: Entry, content: Reader | None = None) -> None:
        """Add an entry; a later one of the same path wins, and takes what lay below it where it is no directory.

        Raises:
            ArchiveError: a hard link to nothing; less content than the entry says; something above it is no directory.
        """
        if entry.kind is Kind.HARDLINK:
            node = self._nodes.get(entry.target)
            if node is None or node.entry.kind is Kind.DIRECTORY:
                raise ArchiveError(f"a hard link to {entry.target}, which is not there", member=entry.path)
            if entry.path == entry.target:
                return
        elif entry.kind is Kind.FILE:
            node = _Node(entry, self._store(entry, content))
        else:
            node = _Node(entry)
        self._imply(entry.path)
        before = self._nodes.get(entry.path)
        if before is not None and before.entry.kind is Kind.DIRECTORY and entry.kind is not Kind.DIRECTORY:
            self.clear(entry.path)
        self._nodes[entry.path] = node

    def remove_one(self, path: str) -> None:
        """Take one path away, if it is there; what lies below a directory stays."""
        self._nodes.pop(path, None)

    def clear(self, path: str) -> None:
        """Take away all below a directory."""
        prefix = f"{path}/"
        for name in [name for name in self._nodes if name.startswith(prefix)]:
            del self._nodes[name]

    def paths(self) -> tuple[str, ...]:
        """All paths, in the order in which they came."""
        return tuple(self._nodes)

    def links(self) -> dict[str, str]:
        """All symbolic links, and what each leads to."""
        return {path: node.entry.target for path, node in self._nodes.items() if node.entry.kind is Kind.SYMLINK}

    def layer(self, excluded: Callable[[str], bool] = lambda _: False) -> Iterator[bytes]:
        """The canonical layer, in chunks: sorted by the bytes of the paths, with missing parents as directories 0755 of root."""
        nodes = {path: node for path, node in self._nodes.items() if not excluded(path)}
        for path in list(nodes):
            for parent in parents(path):  # one that a whiteout took, above what its own layer put there
                nodes.setdefault(parent, _Node(Entry(path=parent, kind=Kind.DIRECTORY)))
        first: dict[_Node, str] = {}
        for path in sorted(nodes, key=_bytes):
            node = nodes[path]
            known = first.setdefault(node, path)
            if known != path:
                yield tar.header(replace(node.entry, path=path, kind=Kind.HARDLINK, size=0, target=known, xattrs=()))
            else:
                yield tar.header(replace(node.entry, path=path))
                yield from self._content(node)
        yield tar.END

    def _imply(self, path: str) -> None:
        """The directories above an entry, where nobody has said anything of them."""
        folder = path.rpartition("/")[0]
        if not folder:
            return
        above = self._nodes.get(folder)
        if above is None:
            self._imply(folder)
            self._nodes[folder] = _Node(Entry(path=folder, kind=Kind.DIRECTORY))
        elif above.entry.kind is not Kind.DIRECTORY:
            raise ArchiveError(f"an entry below {folder}, which is a {above.entry.kind.value}", member=path)

    def _store(self, entry: Entry, content: Reader | None) -> int:
        offset, left = self._end, entry.size
        self._spool.seek(offset)
        while left:
            data = content.read(min(left, _CHUNK)) if content is not None else b""
            if not data:
                raise ArchiveError("less content than its size says", member=entry.path)
            self._spool.write(data)
            left -= len(data)
        self._end += entry.size
        return offset

    def _content(self, node: _Node) -> Iterator[bytes]:
        self._spool.seek(node.offset)
        left = node.entry.size
        while left:
            data = self._spool.read(min(left, _CHUNK))
            left -= len(data)
            yield data
        if node.entry.size % tar.BLOCK:
            yield tar.padding(node.entry.size)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
