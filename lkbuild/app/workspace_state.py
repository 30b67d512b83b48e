"""What is remembered of a workspace from one build to the next: recipe keys, and what was written to lkbuild-out.

A cache: damaged or deleted, the next build finds everything out again. Does not decide anything.
What was written is told by what stat says of it, of a directory by what stat says of all that is below; a file of another boot of the
machine is read once before that is believed (lkbuild.base.boots).
"""

from __future__ import annotations

import marshal
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.boots import boot_id
from lkbuild.base.digest import Digest
from lkbuild.model.tree import File

_FORMAT: Final = 4
#: For so many folders all that was written is looked through; for more it is sorted by folder once, which takes as long as five such looks.
_FEW: Final = 5

_Stat = tuple[int, int, int, int]


class WorkspaceState:
    """The memory of one workspace, in one file."""

    def __init__(self, file: Path) -> None:
        """Read it, where it can be read."""
        self._file = file
        self.recipes: frozenset[str] = frozenset()
        #: By path: what it is, what stat says of it, and the folder of the target that it was written for.
        self._written: dict[str, tuple[str, str, str]] = {}
        #: Paths that were written in another boot.
        self._doubted: set[str] = set()
        self._folders: dict[str, list[str]] | None = None
        self._asked = 0
        try:
            version, boot, recipes, written, doubted = marshal.loads(file.read_bytes())  # noqa: S302 - our own cache folder
        except (OSError, ValueError, EOFError, TypeError):
            return
        if version == _FORMAT:
            self.recipes = frozenset(recipes)
            self._written = written
            self._doubted = set(doubted) if boot == boot_id() else set(written)

    def is_current(self, path: str, digest: Digest, *, executable: bool = False) -> bool:
        """Whether a path still is what was written there for this digest."""
        known = self._written.get(path)
        if known is None or known[0] != _name(digest, executable) or known[1] != _signature(path):
            return False
        if path in self._doubted:
            if not _holds(path, digest):
                return False
            self._doubted.discard(path)
        return True

    def file_at(self, path: str) -> File | None:
        """The file that was written to a path, where it still is that."""
        known = self._written.get(path)
        if known is None or path in self._doubted or known[1] != _signature(path):
            return None
        hash_, _, executable = known[0].partition(".")
        return File(Digest(hash_, os.lstat(path).st_size), bool(executable))

    def is_as_written(self, path: str) -> bool:
        """Whether a path still is what a build wrote there, whatever that was."""
        known = self._written.get(path)
        return known is not None and path not in self._doubted and known[1] == _signature(path)

    def remember(self, path: str, folder: str, digest: Digest, *, executable: bool = False) -> None:
        """Note what was written into a target's folder."""
        signature = _signature(path)
        if signature is not None:
            self._written[path] = (_name(digest, executable), signature, folder)
            self._doubted.discard(path)

    def written_into(self, folder: str) -> list[str]:
        """What builds before this one wrote for the target whose folder this is."""
        self._asked += 1
        if self._asked <= _FEW:
            return [path for path, (_, _, owner) in self._written.items() if owner == folder]
        if self._folders is None:
            self._folders = {}
            for path, (_, _, owner) in self._written.items():
                self._folders.setdefault(owner, []).append(path)
        return self._folders.get(folder, [])

    def forget(self, path: str) -> bool:
        """Note that a path is nobody's any more; whether it still is what was written there."""
        known = self._written.pop(path, None)
        self._doubted.discard(path)
        return known is not None and known[1] == _signature(path)

    def save(self, recipes: Iterable[str]) -> None:
        """Keep it for the next build. A disk that refuses costs time, not correctness."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, marshal.dumps((_FORMAT, boot_id(), sorted(recipes), self._written, sorted(self._doubted))))
        except OSError:
            return


def _name(digest: Digest, executable: bool) -> str:  # noqa: FBT001 - its one meaning is its name
    return f"{digest.hash}.x" if executable else digest.hash


def _holds(path: str, digest: Digest) -> bool:
    """Whether a file has those bytes; a directory is as quickly written anew."""
    try:
        return Digest.of_file(path) == digest
    except OSError:
        return False


def _signature(path: str) -> str | None:
    """What stat says of a path and of all below it; None where it can't be asked."""
    try:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):
            return repr(_fields(status))
        return Digest.of("\n".join(_lines(path, status)).encode("utf-8", "surrogateescape")).hash
    except OSError:
        return None


def _lines(folder: str, status: os.stat_result) -> Iterator[str]:
    yield f"{folder} {_fields(status)}"
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted((*folders, *files)):
            path = os.path.join(parent, name)  # noqa: PTH118 - thousands of them
            yield f"{path} {_fields(os.lstat(path))}"


def _fields(status: os.stat_result) -> _Stat:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode
