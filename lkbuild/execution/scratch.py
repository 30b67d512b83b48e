"""Working directories of actions, used again and again: to make and remove one for each action costs more than a small action.

A directory is handed out again only where nothing tells it from a new one: empty, no attribute or access list of its own, no larger than
when it was new. What can't be brought to that is given up. What is in it is `lkbuild.execution.spares`' business. Does not know what
runs in it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import new_file
from lkbuild.base.values import dataclass
from lkbuild.execution.spares import Spares
from lkbuild.sandbox.folders import remove_tree

_PRIVATE: Final = stat.S_IFDIR | 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Folders of one action at a time.

    Attributes:
        folder: holds the others, and nothing else but spares.
        work: empty; outputs are found in it.
        temporary: empty; becomes /tmp.
        log: a file that may be there from an action before: whoever writes it cuts it first.
        size: what stat says of an empty directory here.
        spares: for what is to be in them.
    """

    folder: Path
    work: Path
    temporary: Path
    log: Path
    size: int
    spares: Spares


class ScratchPool:
    """The working directories below one folder. Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        """Make a pool that has none yet."""
        self._folder = folder
        self._names = itertools.count()
        self._free: list[Scratch] = []
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def take(self) -> Iterator[Scratch]:
        """A working directory for the block. Raises OSError where none can be made."""
        with self._guard:
            scratch = self._free.pop() if self._free else None
        scratch = scratch or self._make()
        try:
            yield scratch
        finally:
            if _restored(scratch):
                with self._guard:
                    self._free.append(scratch)
            else:
                remove_tree(scratch.folder)

    def new_file(self, path: str) -> int:
        """As `lkbuild.base.atomic.new_file`: a spare file where there is one, and one is no other there than a new one."""
        folder = path.rpartition("/")[0]
        if os.stat(folder).st_mode & stat.S_ISGID or os.listxattr(folder):  # noqa: PTH116 - hot; a group or access list that is inherited
            return new_file(path)
        with self._guard:
            scratch = self._free.pop() if self._free else None
        if scratch is None:
            return new_file(path)
        try:
            return scratch.spares.create(path)
        except OSError:  # of another file system
            return new_file(path)
        finally:
            with self._guard:
                self._free.append(scratch)

    def _make(self) -> Scratch:
        folder = self._folder / f"action-{next(self._names)}"
        made = Scratch(
            folder=folder,
            work=folder / "build",
            temporary=folder / "tmp",
            log=folder / "log",
            size=_make(folder),
            spares=Spares(f"{folder}/spares"),
        )
        _make(made.work)
        _make(made.temporary)
        return made


def _make(folder: Path) -> int:
    folder.mkdir(mode=0o700)
    return folder.stat().st_size


def _restored(scratch: Scratch) -> bool:
    """Empty it; whether it is as good as new."""
    try:
        return all(_emptied(os.fspath(folder), scratch) for folder in (scratch.work, scratch.temporary))
    except (OSError, RecursionError):  # moved away with a failure, or what an action has left resists
        return False


def _emptied(folder: str, scratch: Scratch) -> bool:
    # No process of the action is left: between a look and a removal nothing can change.
    status = os.lstat(folder)
    if status.st_mode != _PRIVATE:  # mostly it is, and the file system writes down each change of a mode
        os.chmod(folder, 0o700)  # noqa: PTH101 - hot: once per action
    if scratch.spares.empty(folder):
        status = os.lstat(folder)
    return status.st_size == scratch.size and not os.listxattr(folder)
