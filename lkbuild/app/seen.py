"""The files that a build looked at, with what stat says of each: what the next build compares to learn what has changed since.

A file that changed less than two seconds before the build began might change again without its stat telling (git's racy rule): it is
marked, and counts as changed until a later build has found it at rest. Does not know what the files are for. The form on disk, and the
comparison, are `lkbuild.base.snapshot_format`'s and `lkbuild.base.file_stats`'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final, Self

from lkbuild.base.file_stats import ROW, changed, rows_of
from lkbuild.base.snapshot_format import FIELDS, RACY_NS, Found, packed, stat_of, written
from lkbuild.base.values import dataclass

if TYPE_CHECKING:
    from lkbuild.base.snapshot_format import Said

#: The stats of no file, as numbers and packed.
_NOBODY: Final = (0,) * len(FIELDS)
_MARK: Final = bytes(ROW)


class Moment:
    """When a build began, and with that whether a file had changed too lately for its stat to be believed."""

    def __init__(self) -> None:
        """It begins now."""
        self._cutoff = time.time_ns() - RACY_NS

    def is_lately(self, status: os.stat_result) -> bool:
        """A time of the last change in the future of a build comes from an archive, and that of the inode tells of the change."""
        return status.st_ctime_ns >= self._cutoff or self._cutoff <= status.st_mtime_ns <= time.time_ns()


@dataclass(frozen=True, slots=True)
class Seen:
    """Files with their stats.

    Attributes:
        root: the workspace.
        paths: relative to it, or absolute.
        rows: the stats of each, packed.
        missing: paths that did not exist.
    """

    root: str
    paths: tuple[str, ...]
    rows: bytes
    missing: tuple[str, ...]

    @classmethod
    def look(cls, root: str, paths: Iterable[str], lately: Callable[[str, os.stat_result], bool]) -> Self:
        """Look at some paths now. `lately`: whether one changed too lately for its stat to be believed."""
        found: list[str] = []
        stats: list[tuple[int, ...]] = []
        missing: list[str] = []
        prefix = root + "/"
        for inside in dict.fromkeys(path.removeprefix(prefix) or "." for path in paths):
            try:
                status = os.stat(os.path.join(root, inside))  # noqa: PTH116, PTH118 - hot: every file of the workspace
            except OSError:
                missing.append(inside)
                continue
            found.append(inside)
            stats.append(_NOBODY if lately(inside, status) else stat_of(status))
        return cls(root, tuple(found), packed(stats), tuple(missing))

    @classmethod
    def read(cls, found: Found) -> Self | None:
        """What a snapshot has; None where it is damaged."""
        try:
            known = rows_of(found.file, found.offset)
        except OSError:
            return None
        if known is None:
            return None
        names = os.fsdecode(b"\0".join(known[1])).split("\0") if known[1] else []  # at once: a call for each is a third of all this takes
        return cls(found.root, tuple(names), known[0], tuple(found.missing))

    def changed(self, found: Found) -> tuple[str, ...] | None:
        """The paths that are not as in the snapshot that this was read from.

        None where that can't be told, and where something exists that was missing.
        """
        if any(os.path.lexists(os.path.join(self.root, path)) for path in self.missing):  # noqa: PTH118 - as above
            return None
        try:
            numbers = changed(found.file, found.offset, self.root)
        except OSError:
            return None
        return None if numbers is None else tuple(self.paths[number] for number in numbers)

    def again(
        self,
        paths: Iterable[str],
        gone: Mapping[str, bool],
        may_be_missing: Collection[str],
        lately: Callable[[str, os.stat_result], bool],
    ) -> Self | None:
        """The same after another look at some of the paths, and at new ones; None where one that has to be there is not.

        `gone`: what does not count any more, if it is not among `paths`; true: nor does what lies in it.
        """
        fresh = type(self).look(self.root, paths, lately)
        if not {*self.paths}.isdisjoint(path for path in fresh.missing if path not in may_be_missing):
            return None
        trees = tuple(f"{path}/" for path, tree in gone.items() if tree)
        other = {*fresh.paths, *fresh.missing, *gone}
        left = [at for at, path in enumerate(self.paths) if path in other or (trees and path.startswith(trees))]
        # What stays, as slices between those few that don't.
        spans = [slice(before + 1, at) for before, at in pairwise([-1, *left, len(self.paths)])]
        return type(self)(
            self.root,
            tuple(chain(*(self.paths[span] for span in spans), fresh.paths)),
            b"".join([*(self.rows[span.start * ROW : span.stop * ROW] for span in spans), fresh.rows]),
            tuple(dict.fromkeys((*(path for path in self.missing if path not in other), *fresh.missing))),
        )

    def settled(self) -> bool:
        """Whether most files can be told from what they were: else there is nothing to compare."""
        # Between the last number of a row, a mode, and the second of another, times, there is no room for a mark.
        return 2 * self.rows.count(_MARK) <= len(self.paths)

    def as_snapshot(self, key: tuple[Any, ...], said: Said | None, baseline: int) -> bytes:
        """As it is kept for the next process: see `lkbuild.base.snapshot_format`."""
        return written((key, self.root, self.missing, said, baseline), self.paths, self.rows)
