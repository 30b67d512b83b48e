"""`Files` on a real directory. Each directory is listed once: a loader sees one state of the tree, and a stat per file is saved."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from lkbuild.base.digest import Digest
from lkbuild.base.errors import LoadError, Position
from lkbuild.base.snapshot_format import stat_of
from lkbuild.loading.listing import BUILD_FILE, Entry, join
from lkbuild.syntax.nodes import MAX_BYTES

#: Directories that are never packages: at the root (the shared cache's folder), and anywhere.
_ROOT_SKIPPED: Final = frozenset({"cache"})
_SKIPPED: Final = frozenset({"lkbuild-out", "node_modules", "__pycache__"})
#: Those of them that builds and Python make: nobody's answer is another because they have come or gone.
_MADE: Final = frozenset({"lkbuild-out", "__pycache__"})
#: What stands for the digest of a file that could not be read, and of one that is not there.
UNREAD: Final = "unread"
_MISSING: Final = "missing"
#: What was answered about a path: digests of its listing, of those entries by which packages are found, and of what was read of it; ""
#: where that was not asked.
Answer: TypeAlias = tuple[str, str, str]


class DiskFiles:
    """The files below a workspace's root. `ignore` may be set once the workspace section is known."""

    def __init__(self, root: Path) -> None:
        self.root = os.fspath(root)
        self.ignore: frozenset[str] = frozenset()
        self._listings: dict[str, Mapping[str, Entry] | None] = {}
        self._reads: dict[str, str] = {}
        self._stats: dict[str, tuple[int, ...]] = {}

    def entries(self, directory: str) -> Mapping[str, Entry] | None:
        """See `Files`."""
        try:
            return self._listings[directory]
        except KeyError:
            listing = self._listings[directory] = self._scan(directory)
            return listing

    def _scan(self, directory: str) -> Mapping[str, Entry] | None:
        try:
            self._stats[directory] = stat_of(os.stat(self._path(directory)))  # noqa: PTH116 - hot: every directory
            with os.scandir(self._path(directory)) as entries:
                return {entry.name: _classify(entry) for entry in sorted(entries, key=lambda entry: entry.name)}
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(directory or ".", error) from None

    def read(self, path: str, limit: int) -> bytes | None:
        """See `Files`. A FIFO or device is refused, not waited for."""
        self._reads[path] = UNREAD
        try:
            handle = os.open(self._path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise LoadError(f"{path} is no regular file", position=Position(file=path), hint="replace it by a file")
                self._stats[path] = stat_of(status)
                data = file.read(limit + 1)
                self._reads[path] = Digest.of(data).hash
                return data
        except FileNotFoundError:
            self._reads[path] = _MISSING
            return None
        except OSError as error:
            raise _unreadable(path, error) from None

    def looked_at(self) -> Iterator[str]:
        """Every directory that was listed and file that was read or not there: while their stats stay, so do all answers."""
        yield from self._listings
        yield from self._reads

    def knows(self, path: str) -> bool:
        """Whether a path was listed or read."""
        return path in self._listings or path in self._reads

    def stats(self) -> dict[str, tuple[int, ...]]:
        """What stat said of each of these before it was read; nothing of what was not there."""
        return {path: self._stats.get(path, ()) for path in self.looked_at()}

    def differs(self, path: str) -> bool:
        """Whether a directory that was listed or a file that was read is no longer what it was. False for all other paths."""
        if not self.knows(path):
            return False
        fresh = DiskFiles(Path(self.root))
        try:
            if path in self._listings and fresh.entries(path) != self._listings[path]:
                return True
            if path in self._reads:
                fresh.read(path, MAX_BYTES)
                return fresh._reads[path] != self._reads[path]
        except LoadError:
            return True
        return False

    def answers(self) -> dict[str, Answer]:
        """What was answered so far, by path: for a later process to compare with what `answer_of` says then."""
        found = dict.fromkeys((*self._listings, *self._reads), "")
        return {path: (*self._listed(path), self._reads.get(path, "")) for path in found}

    def _listed(self, path: str) -> tuple[str, str]:
        if path not in self._listings:
            return "", ""
        listing = self._listings[path]
        if listing is None:
            return _MISSING, _MISSING
        entries = [(name, entry) for name, entry in listing.items() if name not in _MADE or entry is not Entry.DIRECTORY]
        found = [(name, entry) for name, entry in entries if name == BUILD_FILE or (entry is not Entry.FILE and not name.startswith("."))]
        return _digest(entries), _digest(found)

    def skipped(self, directory: str) -> bool:
        """See `Files`."""
        name = directory.rpartition("/")[2]
        return name in _SKIPPED or name.startswith(".") or directory in _ROOT_SKIPPED or directory in self.ignore

    def _path(self, relative: str) -> str:
        return join(self.root, relative) if relative else self.root


def answer_of(root: Path, path: str, answer: Answer) -> Answer:
    """What would be answered now about a path of a workspace, of which that was asked to which `answer` was given."""
    files = DiskFiles(root)
    try:
        if answer[0]:
            files.entries(path)
        if answer[2]:
            files.read(path, MAX_BYTES)
    except LoadError:
        return UNREAD, UNREAD, UNREAD
    return files.answers()[path]


def _digest(entries: Iterable[tuple[str, Entry]]) -> str:
    return Digest.of("\n\0".join(f"{name}\0{entry.value}" for name, entry in entries).encode("utf-8", "surrogateescape")).hash


def _classify(entry: os.DirEntry[str]) -> Entry:
    try:
        if entry.is_dir():
            return Entry.LINKED_DIRECTORY if entry.is_symlink() else Entry.DIRECTORY
        return Entry.FILE if entry.is_file() else Entry.OTHER
    except OSError:  # a link to itself (ELOOP), or into a directory that may not be searched
        return Entry.OTHER


def _unreadable(path: str, error: OSError) -> LoadError:
    if isinstance(error, IsADirectoryError):
        return LoadError(f"{path} is a directory", position=Position(file=path), hint="it must be a file; rename the directory")
    hint = "give yourself permission to read it" if isinstance(error, PermissionError) else None
    return LoadError(f"can't read {path}: {error.strerror}", position=Position(file=path), hint=hint)
