"""Use case: build targets. Patterns to analyses to outputs on disk; of what the build before knows, no more than an edit affects."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lkbuild.app.baselines import baseline_of
from lkbuild.app.collecting import collect_if_due
from lkbuild.app.executing import build_requested, plan
from lkbuild.app.narrowed import build_affected
from lkbuild.app.options import BuildOptions
from lkbuild.app.session import Session, open_session
from lkbuild.app.snapshot import Snapshot
from lkbuild.app.wanted import Wanted, want
from lkbuild.model.events import BuildFinished, EventSink
from lkbuild.model.ports import RemoteUse
from lkbuild.model.report import BuildReport


def build(options: BuildOptions, patterns: Sequence[str], sink: EventSink, *, snapshot: Snapshot | None = None) -> BuildReport:
    """Build what the patterns select. Failures of actions are in the report; raises LkbuildError for what is wrong before.

    `snapshot`: of this command line, for what the build before knows of it and the next one shall know.
    """
    started = time.monotonic()
    report: BuildReport | None = None
    try:
        with open_session(options) as session:
            if options.dry_run:
                wanted = want(session, patterns)
                report = plan(session, wanted.analyses, wanted.requested, sink, started)
                return report
            report = build_changed(session, patterns, snapshot, sink, started) if snapshot else None
            report = report or _all(session, patterns, snapshot, sink, started)
            if report.executed:
                collect_if_due(session, sink)
            return report
    finally:
        use = report.remote if report is not None else RemoteUse()
        sink.emit(BuildFinished(ok=report is not None and report.ok, seconds=time.monotonic() - started, remote=use))


def build_changed(
    session: Session, patterns: Sequence[str], snapshot: Snapshot, sink: EventSink, started: float, known: Wanted | None = None
) -> BuildReport | None:
    """Build what changed since the build before; None, before anything has run, where everything has to be looked at.

    `known`: as `lkbuild.app.narrowing.narrow` takes it.
    """
    before = snapshot.before(session)
    done = build_affected(session, before.baseline, before.changed, patterns, sink, started, known) if before else None
    if before is None or done is None:
        return None
    if done.baseline is not None:
        snapshot.narrowed(session, before, done.baseline, done.order, done.built.state, done.built.report)
    return done.built.report


def build_whole(session: Session, wanted: Wanted, snapshot: Snapshot | None, sink: EventSink, started: float) -> BuildReport:
    """Build all that is wanted."""
    built = build_requested(session, wanted.analyses, wanted.requested, sink, started)
    baseline = baseline_of(session, wanted, built) if snapshot else None
    if snapshot and baseline:
        snapshot.built(session, baseline, built.state, built.report)
    return built.report


def _all(session: Session, patterns: Sequence[str], snapshot: Snapshot | None, sink: EventSink, started: float) -> BuildReport:
    return build_whole(session, want(session, patterns), snapshot, sink, started)
