"""What is remembered of a workspace from one build to the next: recipe keys, and what was written to lkbuild-out.

A cache: damaged or deleted, the next build finds everything out again. Does not decide anything.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.digest import Digest

_FORMAT: Final = 1


class WorkspaceState:
    """The memory of one workspace, in one file."""

    def __init__(self, file: Path) -> None:
        """Read it, where it can be read."""
        self._file = file
        self.recipes: frozenset[str] = frozenset()
        self._written: dict[str, tuple[str, tuple[int, int, int]]] = {}
        try:
            version, recipes, written = marshal.loads(file.read_bytes())  # noqa: S302 - our own cache folder
        except (OSError, ValueError, EOFError, TypeError):
            return
        if version == _FORMAT:
            self.recipes = frozenset(recipes)
            self._written = written

    def is_current(self, path: Path, digest: Digest) -> bool:
        """Whether a path still is what was written there for this digest."""
        known = self._written.get(str(path))
        return known is not None and known[0] == digest.hash and known[1] == _stat(path)

    def remember(self, path: Path, digest: Digest) -> None:
        """Note what was written."""
        status = _stat(path)
        if status is not None:
            self._written[str(path)] = (digest.hash, status)

    def save(self, recipes: Iterable[str]) -> None:
        """Keep it for the next build. A disk that refuses costs time, not correctness."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, marshal.dumps((_FORMAT, sorted(recipes), self._written)))
        except OSError:
            return


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
