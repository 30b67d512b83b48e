"""What is remembered of a command line from one process to the next: what it looked at, what it said, and its baseline.

After a build with which nothing is left to be done, stats of all that it looked at, and what the next one will say if they stay: reading
that is `lkbuild.cli.fast`'s business. With a baseline, a build that finds some of them changed looks at what they affect
(`lkbuild.app.narrowed`). A snapshot is a cache: one that can't be read or written costs time, not correctness.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from lkbuild.app.baseline import Baseline, Order
from lkbuild.app.baseline_file import forget_baselines, read_baseline, write_baseline
from lkbuild.app.baseline_report import as_it_was
from lkbuild.app.options import BuildOptions
from lkbuild.app.seen import Moment, Seen
from lkbuild.app.session import Session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.atomic import write_atomic
from lkbuild.base.snapshot_format import FOLDER, IN_ALL, PER_WORKSPACE, find, name_of, stat_of
from lkbuild.base.values import dataclass
from lkbuild.loading.listing import BUILD_FILE
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport, Written

if TYPE_CHECKING:
    from lkbuild.base.snapshot_format import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The last build of a command line, and the paths that are not as it left them."""

    baseline: Baseline
    seen: Seen
    changed: tuple[str, ...]


class Snapshot:
    """Of one command. Made before it begins; asked and told while its session is open, and saved once it has spoken."""

    def __init__(self, options: BuildOptions, key: tuple[Any, ...], *, loaded: Moment | None = None) -> None:
        """Of a command that begins now.

        Args:
            options: of the command.
            key: of `snapshot_format.key_of`.
            loaded: when loading began, where that was earlier: a BUILD.yaml may have changed between.
        """
        self._key = key
        self._cache = options.cache
        self._usable = not (options.check or options.dry_run or options.verbose or options.events or options.metrics)
        self._begun = Moment()
        self._loaded = loaded or self._begun
        self._seen: Seen | None = None
        self._baseline: Baseline | None = None
        #: What the next build says if nothing changes, where that is known; what it says is remembered.
        self.next_report: BuildReport | None = None

    def before(self, session: Session) -> Before | None:
        """What is known of the build before, where it can be told what has changed since."""
        try:
            found = find(self._key, str(self._cache)) if self._usable else None
        except OSError:
            return None
        if found is None or not found.baseline or found.root != str(session.root):
            return None
        seen = Seen.read(found)
        changed = seen.changed(found) if seen else None
        baseline = None if changed is None else read_baseline(self._cache, self._name(found.root), found.baseline)
        return None if baseline is None or seen is None else Before(baseline=baseline, seen=seen, changed=tuple(changed or ()))

    def look(self, session: Session, report: BuildReport, said: BuildReport) -> None:
        """Note what a build looked at that has no baseline: nothing after one that did something. `said`: what it says of its report."""
        if self._usable and report.ok and not set(report.counts) - {Source.UP_TO_DATE}:
            self._keep(Seen.look(str(session.root), _all(session, report.written()), self._lately(session, lambda _: False)), None)
            self.next_report = said

    def built(self, session: Session, baseline: Baseline, state: WorkspaceState, report: BuildReport) -> None:
        """Note what a build looked at that looked at everything."""
        if self._usable:
            outputs = [*baseline.outputs_of(range(len(baseline.labels)))]
            seen = Seen.look(str(session.root), _all(session, outputs), self._lately(session, _Believed(session, state, outputs)))
            self._keep(seen, baseline)
            self._expect(report, baseline)

    def narrowed(
        self, session: Session, before: Before, baseline: Baseline, order: Order, state: WorkspaceState, report: BuildReport
    ) -> None:
        """Note what a build looked at of which the rest is as it was before. `order`: of its targets."""
        was, names = before.baseline, _Names(session)
        made = [at for at, number in enumerate(order) if number >= 0]
        others = {~number for number in order if number < 0}
        outputs = [*baseline.outputs_of(made)]
        old = was.outputs_of(number for number in range(len(was.labels)) if number not in others)
        gone = {names.of(path): tree for path, _, _, tree in old}
        gone |= dict.fromkeys((*was.forgotten(baseline), *names.unasked(before.changed, was.answers)), False)
        known = {*before.seen.paths, *before.seen.missing}
        new = (path for path in (*map(names.of, session.sources.looked_at()), *names.asked) if path not in known)
        paths = (*(path for path in before.changed if path not in gone), *with_members(outputs), *new)
        seen = before.seen.again(paths, gone, names.asked, self._lately(session, _Believed(session, state, outputs)))
        self._keep(seen, baseline)
        self._expect(report, baseline)

    def _lately(self, session: Session, believed: Callable[[str], bool]) -> Callable[[str, os.stat_result], bool]:
        """Whether a path changed too lately for its stat to tell what this build has seen of it, or is another file than was read.

        That may be an old one: a directory above it, or a link on the way, can be put in another's place.
        """
        sources, begun, loaded = session.sources.seen(), self._begun.is_lately, self._loaded.is_lately
        read = (session.sources.stats(), session.loader.stats())

        def lately(path: str, status: os.stat_result) -> bool:
            now = stat_of(status)
            if any(stats.get(path, now) != now for stats in read):
                return True
            return (begun if path in sources else loaded)(status) and not believed(path)

        return lately

    def _keep(self, seen: Seen | None, baseline: Baseline | None) -> None:
        if seen is not None and seen.settled():
            self._seen, self._baseline = seen, baseline

    def _expect(self, report: BuildReport, baseline: Baseline) -> None:
        """What the next build says, if nothing changes."""
        if not set(report.counts) - {Source.UP_TO_DATE}:
            self.next_report = report
        elif not report.remote.remotes:  # else it would say that remotes were not asked
            self.next_report = as_it_was(baseline)

    def save(self, said: Said | None) -> None:
        """Keep what there is to keep, and the newest of others. `said`: of `next_report`."""
        if self._seen is None:
            return
        name = self._name(self._seen.root)
        checksum = write_baseline(self._cache, name, self._baseline) if self._baseline else 0
        folder = self._cache / FOLDER
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / name, self._seen.as_snapshot(self._key, said, checksum))
            forget_baselines(self._cache, _prune(folder, name.rpartition("-")[2]))

    def _name(self, root: str) -> str:
        return f"{name_of(self._key)}-{crc32(os.fsencode(root)):08x}"


class _Names:
    """Paths as `Seen` has them, of what a session looked at."""

    def __init__(self, session: Session) -> None:
        self._root = str(session.root)
        #: What loading and rules asked about.
        self.asked = frozenset(map(self.of, (*session.loader.looked_at(), *session.rules.looked_at())))

    def of(self, path: str) -> str:
        """A path as it is there."""
        return path.removeprefix(f"{self._root}/") or "."

    def unasked(self, changed: Iterable[str], answers: Mapping[str, object]) -> Iterator[str]:
        """Those of some paths that loading asked about before and not now, since they do not exist any more."""
        for path in changed:
            if (path in answers or path == ".") and path not in self.asked and not os.path.lexists(f"{self._root}/{path}"):
                yield path


class _Believed:
    """Whether a path that changed lately is, or lies in, what this or an earlier build wrote there, as it was written."""

    def __init__(self, session: Session, state: WorkspaceState, outputs: Iterable[Written]) -> None:
        prefix = f"{session.root}/"
        self._paths = {path.removeprefix(prefix): path for path, _, _, tree in outputs}
        self._trees = {path.removeprefix(prefix) for path, _, _, tree in outputs if tree}
        self._known: dict[str, bool] = {}
        self._ask: Callable[[str], bool] = state.is_as_written

    def __call__(self, path: str) -> bool:
        while path not in self._paths:
            if not self._trees or "/" not in path.strip("/"):
                return False
            path = path.rpartition("/")[0]
        if path not in self._known:
            self._known[path] = self._ask(self._paths[path])
        return self._known[path]


def _all(session: Session, outputs: Iterable[Written]) -> Iterator[str]:
    """Paths of what a build reads and wrote: absolute, or relative to the workspace."""
    yield from with_members(outputs)
    yield from session.looked_at()
    # A BUILD.yaml with a workspace section between here and the root would make another workspace of it.
    for folder in (session.options.cwd, *session.options.cwd.parents):
        if folder == session.root or not folder.is_relative_to(session.root):
            break
        yield str(folder / BUILD_FILE)


def with_members(outputs: Iterable[Written]) -> Iterator[str]:
    """What was written, and the files and folders in it. A link leads anywhere, or nowhere; that it is another, its folder tells."""
    for path, _, _, tree in outputs:
        yield path
        if tree:
            yield from _members(path)


def _members(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_symlink():
                yield entry.path
                if entry.is_dir():
                    yield from _members(entry.path)


def _prune(folder: Path, workspace: str) -> set[str]:
    """Remove all but the newest snapshots, of this workspace and of all; names of those that stay."""
    with os.scandir(folder) as entries:
        newest = sorted(entries, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    own = [entry for entry in newest if entry.name.endswith(f"-{workspace}")]
    gone = {*own[PER_WORKSPACE:], *newest[IN_ALL:]}
    for entry in gone:
        os.unlink(entry.path)  # noqa: PTH108 - a name of scandir
    return {entry.name for entry in newest if entry not in gone}
