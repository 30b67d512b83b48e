"""What a build looked at, as something to watch: which directories, and which of their events can matter.

A path that does not exist is waited for at the nearest directory that does. A link counts with what it leads to. Does not know
how events come, nor what a change leads to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Self

from lkbuild.app.watching.inotify import Change
from lkbuild.base.values import dataclass

#: Entries that builds, editors' neighbours and Python make all the time, and that no listing's reader looks at.
_NOISE: Final = frozenset({"lkbuild-out", "__pycache__", ".git"})
_MOST_LINKS: Final = 40


@dataclass(frozen=True, slots=True)
class Interest:
    """Absolute paths of one kind.

    Attributes:
        paths: what was looked at, followed by what stands for what is missing or linked; by each the path that was looked at.
        listings: directories whose entries count.
    """

    paths: dict[str, str]
    listings: frozenset[str]

    @classmethod
    def of(cls, root: str, looked_at: Iterable[str]) -> Self:
        """The interest in paths as use cases name them: absolute, or relative to the root ("" is the root)."""
        paths: dict[str, str] = {}
        listings = set()
        for name in looked_at:
            path = os.path.join(root, name).rstrip("/") or "/"  # noqa: PTH118 - thousands of them
            for stand_in in _chain(path):
                paths[stand_in] = path
            if os.path.isdir(path):  # noqa: PTH112 - the same
                listings.add(path)
        return cls(paths, frozenset(listings))

    def directories(self) -> frozenset[str]:
        """What must be watched. Not what a listed directory lies in: it tells of its own end."""
        return self.listings | {path.rpartition("/")[0] or "/" for path in self.paths if path not in self.listings}

    def of_change(self, change: Change) -> str | None:
        """The path that a change is about, or None where it does not matter."""
        found = self.paths.get(change.path)
        if found is not None and (change.listing or found not in self.listings):
            return found
        if change.name in _NOISE:
            return None
        return change.path if change.listing and change.directory in self.listings else None

    def __or__(self, other: Interest) -> Interest:
        return Interest({**self.paths, **other.paths}, self.listings | other.listings)


def _chain(path: str) -> Iterable[str]:
    """The path, and where it is a link each that it leads to; of one that is missing, the first missing step from the root on."""
    for _ in range(_MOST_LINKS):
        yield path
        try:
            target = os.readlink(path)  # noqa: PTH115 - the same
        except FileNotFoundError:
            yield _first_missing(path)
            return
        except OSError:  # no link
            return
        path = os.path.normpath(os.path.join(path.rpartition("/")[0], target))  # noqa: PTH118 - the same


def _first_missing(path: str) -> str:
    parent = path.rpartition("/")[0]
    while parent and not os.path.isdir(parent):  # noqa: PTH112 - the same
        path, parent = parent, parent.rpartition("/")[0]
    return path
