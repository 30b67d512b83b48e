"""What is remembered of a workspace from one build to the next: recipe keys, and what was written to lkbuild-out.

A cache: damaged or deleted, the next build finds everything out again. Does not decide anything.
What was written is told by what stat says of it, of a directory by what stat says of all that is below.
"""

from __future__ import annotations

import marshal
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.digest import Digest

_FORMAT: Final = 3

_Stat = tuple[int, int, int, int]


class WorkspaceState:
    """The memory of one workspace, in one file."""

    def __init__(self, file: Path) -> None:
        """Read it, where it can be read."""
        self._file = file
        self.recipes: frozenset[str] = frozenset()
        #: By path: what it is, what stat says of it, and the folder of the target that it was written for.
        self._written: dict[str, tuple[str, str, str]] = {}
        self._folders: dict[str, list[str]] | None = None
        try:
            version, recipes, written = marshal.loads(file.read_bytes())  # noqa: S302 - our own cache folder
        except (OSError, ValueError, EOFError, TypeError):
            return
        if version == _FORMAT:
            self.recipes = frozenset(recipes)
            self._written = written

    def is_current(self, path: str, digest: Digest, *, executable: bool = False) -> bool:
        """Whether a path still is what was written there for this digest."""
        known = self._written.get(path)
        return known is not None and known[0] == _name(digest, executable) and known[1] == _signature(path)

    def remember(self, path: str, folder: str, digest: Digest, *, executable: bool = False) -> None:
        """Note what was written into a target's folder."""
        signature = _signature(path)
        if signature is not None:
            self._written[path] = (_name(digest, executable), signature, folder)

    def written_into(self, folder: str) -> list[str]:
        """What builds before this one wrote for the target whose folder this is."""
        if self._folders is None:
            self._folders = {}
            for path, (_, _, owner) in self._written.items():
                self._folders.setdefault(owner, []).append(path)
        return self._folders.get(folder, [])

    def forget(self, path: str) -> bool:
        """Note that a path is nobody's any more; whether it still is what was written there."""
        known = self._written.pop(path, None)
        return known is not None and known[1] == _signature(path)

    def save(self, recipes: Iterable[str]) -> None:
        """Keep it for the next build. A disk that refuses costs time, not correctness."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, marshal.dumps((_FORMAT, sorted(recipes), self._written)))
        except OSError:
            return


def _name(digest: Digest, executable: bool) -> str:  # noqa: FBT001 - its one meaning is its name
    return f"{digest.hash}.x" if executable else digest.hash


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
