"""A workspace kept in memory between builds: what changed is loaded again, what did not is not.

Contents decide: a path that events name is compared with what the last build saw of it. The store is opened for each build (3 ms)
and not held, so that a collector may run while a watch waits for days. Does not know events' source, nor who is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.app.build import build_changed, build_whole
from lkbuild.app.cancel import Cancel
from lkbuild.app.collecting import collect_if_due
from lkbuild.app.options import BuildOptions, new_invocation
from lkbuild.app.seen import Moment
from lkbuild.app.session import Loaded, Session, open_session, state_folder
from lkbuild.app.snapshot import Snapshot
from lkbuild.app.wanted import Wanted, want
from lkbuild.app.watching.interest import Interest
from lkbuild.app.watching.observer import Interests, Touched
from lkbuild.base.errors import AnalysisError, BuildFailed, Interrupted, LkbuildError, LoadError, UsageError
from lkbuild.execution.sources import SourceDigests
from lkbuild.loading.workspace import find_workspace
from lkbuild.model.artifact import SourceFile
from lkbuild.model.events import BuildFinished, EventSink
from lkbuild.model.ports import RemoteUse
from lkbuild.model.report import BuildReport
from lkbuild.model.tree import File

if TYPE_CHECKING:
    from lkbuild.base.snapshot_format import Said

#: Errors that the same contents always give.
_OF_CONTENT: Final = (BuildFailed, LoadError, AnalysisError)


class Resident:
    """Builds the same patterns again and again."""

    def __init__(self, options: BuildOptions, patterns: Sequence[str], key: tuple[Any, ...]) -> None:
        """`key`: of the command, by `snapshot_format.key_of`. Raises LoadError where there is no workspace."""
        self.root = options.workspace or find_workspace(options.cwd)
        self._options = replace(options, workspace=self.root)
        self._patterns = tuple(patterns)
        self._parsed = state_folder(options.cache, self.root) / "parsed"
        self._key = key
        self._loaded_at = Moment()
        self._loaded = Loaded.of(self.root, parsed=self._parsed)
        self._wanted: Wanted | None = None
        #: Whether all that is asked for was looked at, so that what an edit does not affect need not be.
        self._complete = False
        self._seen: Mapping[str, File] = {}
        self._ok = self._outside = False
        self._snapshot: Snapshot | None = None
        #: Whether the last build looked at no more than an edit had affected.
        self._part = False
        self._interests: Interests | None = None

    @property
    def interests(self) -> Interests:
        """What the last build looked at; after one that failed, also what those before it did."""
        return self._interests or Interests(*(Interest({}, frozenset()) for _ in range(3)))

    def build(self, cancel: Cancel, sink: EventSink) -> BuildReport:
        """Build once. Every error but a wrong command line is in the report; raises UsageError and Interrupted."""
        started = time.monotonic()
        try:
            return self.attempt(replace(self._options, cancel=cancel, invocation=new_invocation()), sink)
        except (UsageError, Interrupted):
            raise
        except LkbuildError as error:
            self._outside = not isinstance(error, _OF_CONTENT)
            return BuildReport(elapsed_s=time.monotonic() - started, errors=(error,))

    def attempt(self, options: BuildOptions, sink: EventSink) -> BuildReport:
        """The same with other options, as `lkbuild.app.build.build` does it: errors from before the execution are raised."""
        started = time.monotonic()
        report: BuildReport | None = None
        snapshot = self._snapshot = Snapshot(options, self._key, loaded=self._loaded_at)
        try:
            with open_session(replace(options, workspace=self.root), self._loaded) as session:
                try:
                    report = self._build(session, snapshot, sink, started)
                    if report.executed:
                        collect_if_due(session, sink)
                finally:
                    self._remember(session, ok=report is not None and report.ok)
        finally:
            use = report.remote if report is not None else RemoteUse()
            sink.emit(BuildFinished(ok=report is not None and report.ok, seconds=time.monotonic() - started, remote=use))
        self._outside = not all(isinstance(error, _OF_CONTENT) for error in report.errors)
        return report

    def _build(self, session: Session, snapshot: Snapshot, sink: EventSink, started: float) -> BuildReport:
        """Build what an edit affects, once all that is asked for was looked at; else all of it."""
        self._part = self._complete
        done = build_changed(session, self._patterns, snapshot, sink, started, self._wanted) if self._complete else None
        if done is None:
            self._part = self._complete = False
            done = build_whole(session, self.plan(session), snapshot, sink, started)
            self._complete = True
        return done

    def keep(self, texts: Callable[[BuildReport], Said] | None = None) -> None:
        """Note on disk what the last build has left, for the next one, and for those who build without a watch.

        `texts`: what is said of a report, where somebody asked for the build.
        """
        if self._snapshot is not None:
            report = self._snapshot.next_report
            self._snapshot.save(texts(report) if texts and report else None)
        self._snapshot = None

    @contextmanager
    def session(self, cancel: Cancel) -> Iterator[Session]:
        """A session over what is loaded."""
        options = replace(self._options, cancel=cancel, invocation=new_invocation())
        with open_session(options, self._loaded) as session:
            yield session

    def plan(self, session: Session) -> Wanted:
        """What is to be built, analysed once as long as nothing of it changes."""
        if self._wanted is None:
            self._wanted = want(session, self._patterns)
        return self._wanted

    def take(self, touched: Touched) -> tuple[str, ...]:
        """The touched paths that are not what the last build saw, relative to the workspace; what they make stale is forgotten.

        After a failure a touch counts as well if it came while the build ran, which may have seen another file, and if the cause lies
        outside of the workspace (a mirror, the disk): then a second try is what is wanted.
        """
        if touched.lost:
            self.forget()
            return ("(events were lost: all of it)",)
        rules = tuple(touched.rules)
        loaded = tuple(path for path in touched.loaded if self._load_differs(path))
        sources = self._changed_sources(touched.sources)
        again = not self._ok and (touched.early or self._outside)
        changed = touched.paths() if again else tuple(dict.fromkeys((*sources, *loaded, *rules)))
        if rules:
            self.forget()
        elif loaded or (changed and not self._ok):
            self._reload()
        return tuple(self.relative(path) for path in changed)

    def forget(self) -> None:
        """Load everything again, rules and all."""
        self._loaded.rules.forget()
        self._load(None)
        self._complete = False

    def _reload(self) -> None:
        """Load the workspace again; the rules are as they were."""
        self._load(self._loaded.rules)

    def _load(self, rules: RuleRegistry | None) -> None:
        self._loaded_at = Moment()
        self._loaded = Loaded.of(self.root, rules, parsed=self._parsed)
        self._wanted = None

    def _load_differs(self, path: str) -> bool:
        """Whether a path, or the listing that it is in, is other than the loader saw it, or it has seen neither since it was new."""
        loader = self._loaded.loader
        name = self.relative(path)
        folder = name.rpartition("/")[0]
        return not (loader.knows(name) or loader.knows(folder)) or loader.differs(name) or (bool(name) and loader.differs(folder))

    def _changed_sources(self, paths: Iterable[str]) -> tuple[str, ...]:
        fresh = SourceDigests(self.root)
        changed = []
        for path in paths:
            name = self.relative(path)
            try:
                if fresh.file(SourceFile(name)) != self._seen.get(name):
                    changed.append(path)
            except BuildFailed:
                changed.append(path)
        return tuple(changed)

    def relative(self, path: str) -> str:
        """A path as the workspace names it; of one outside, the path itself."""
        root = str(self.root)
        return "" if path == root else path.removeprefix(root.rstrip("/") + "/")

    def _remember(self, session: Session, *, ok: bool) -> None:
        root = str(self.root)
        now = Interests(
            sources=Interest.of(root, session.sources.looked_at()),
            loaded=Interest.of(root, session.loader.looked_at()),
            rules=Interest.of(root, session.rules.looked_at()),
        )
        all_of_it = ok and not self._part
        self._interests = now if all_of_it or self._interests is None else self._interests | now
        self._seen = {**(self._seen if self._part else {}), **session.sources.seen()}
        self._ok = ok
