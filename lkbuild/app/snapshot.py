"""The writing side of the fast path: after a build that found everything up to date, what it looked at and what it said.

Only such a build leaves a snapshot, and only if nothing that it looked at changed since two seconds before it began: so the stats
taken at its end are those of what it saw. Reading them is `lkbuild.cli.fast`'s business, the format is in
`lkbuild.base.snapshot_format`. A snapshot is a cache: one that can't be written costs time, not correctness.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

from lkbuild.app.options import BuildOptions
from lkbuild.app.session import Session
from lkbuild.base.atomic import write_atomic
from lkbuild.base.snapshot_format import FOLDER, IN_ALL, PER_WORKSPACE, RACY_NS, name_of, stat_of, written
from lkbuild.loading.listing import BUILD_FILE
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport

#: What a command says around the place where the time taken stands.
Text: TypeAlias = tuple[bytes, bytes]


class Snapshot:
    """What one command looked at. Made before it begins; `look` is called while its session is open, `save` once it has spoken."""

    def __init__(self, options: BuildOptions, key: tuple[Any, ...]) -> None:
        """`key`: of `snapshot_format.key_of`."""
        self._key = key
        self._folder = options.cache / FOLDER
        #: Whether it may be saved.
        self.usable = not (options.check or options.dry_run or options.verbose or options.events or options.metrics)
        self._cutoff = time.time_ns() - RACY_NS
        self._root = ""
        self._paths: list[str] = []
        self._stats: list[tuple[int, ...]] = []
        self._missing: list[str] = []

    def look(self, session: Session, report: BuildReport) -> None:
        """Take the stat of everything that a no-op build depends on; nothing after a build that did something."""
        if not self.usable or not report.ok or set(report.counts) - {Source.UP_TO_DATE}:
            self.usable = False
            return
        self._root = str(session.root)
        self.usable = self._take(itertools.chain(_outputs(report), _inputs(session)))

    def _take(self, paths: Iterable[str]) -> bool:
        """Note the stats; whether none of them is of something that changed lately."""
        prefix = self._root + "/"
        now = time.time_ns()
        for inside in dict.fromkeys(path.removeprefix(prefix) or "." for path in paths):
            place = os.path.join(self._root, inside)  # noqa: PTH118 - hot: every file of the workspace
            try:
                status = os.stat(place)  # noqa: PTH116 - the same
            except OSError:
                self._missing.append(inside)
                continue
            # A time of the last change in the future of a build comes from an archive, and that of the inode tells of the change.
            if status.st_ctime_ns >= self._cutoff or self._cutoff <= status.st_mtime_ns <= now:
                return False
            self._paths.append(inside)
            self._stats.append(stat_of(status))
        return True

    def save(self, stdout: Text, stderr: Text) -> None:
        """Keep it if it is usable, and the newest of others."""
        if not self.usable:
            return
        workspace = f"{crc32(os.fsencode(self._root)):08x}"
        path = self._folder / f"{name_of(self._key)}-{workspace}"
        with contextlib.suppress(OSError):
            data = written((self._key, self._root, self._missing, stdout, stderr), self._paths, self._stats)
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
            _prune(self._folder, workspace)


def _outputs(report: BuildReport) -> Iterator[str]:
    return (output.path for target in report.targets for output in target.outputs)


def _inputs(session: Session) -> Iterator[str]:
    """Paths of what a build reads: absolute, or relative to the workspace."""
    yield from session.looked_at()
    # A BUILD.yaml with a workspace section between here and the root would make another workspace of it.
    for folder in (session.options.cwd, *session.options.cwd.parents):
        if folder == session.root or not folder.is_relative_to(session.root):
            break
        yield str(folder / BUILD_FILE)


def _prune(folder: Path, workspace: str) -> None:
    """Remove all but the newest snapshots, of this workspace and of all."""
    with os.scandir(folder) as entries:
        newest = sorted(entries, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    own = [entry for entry in newest if entry.name.endswith(f"-{workspace}")]
    for entry in {*own[PER_WORKSPACE:], *newest[IN_ALL:]}:
        os.unlink(entry.path)  # noqa: PTH108 - a name of scandir
