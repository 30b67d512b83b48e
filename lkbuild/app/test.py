"""Use case: run tests. A test is an action that fails when the test does, so a test that passed is cached like anything else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.executing import build_requested, plan
from lkbuild.app.options import BuildOptions
from lkbuild.app.request import Requested
from lkbuild.app.selection import Selected, analyze, fits, found
from lkbuild.app.session import Session, open_session
from lkbuild.app.snapshot import Snapshot
from lkbuild.base.errors import AnalysisError, BuildFailed, LkbuildError, NoTests, TestsFailed
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.events import BuildFinished, EventSink, TestFinished
from lkbuild.model.providers import Test
from lkbuild.model.report import BuildReport, TargetReport
from lkbuild.model.target import Target

_STATES = {"built": "passed", "up_to_date": "passed", "failed": "failed", "skipped": "skipped"}


def test(  # a verb, no function of pytest's
    options: BuildOptions,
    patterns: Sequence[str],
    sink: EventSink,
    *,
    snapshot: Snapshot | None = None,
) -> BuildReport:
    """Run the tests among what the patterns select; all of the workspace without patterns. Every test runs, whatever fails.

    A test that a wildcard finds, and that can't be built for an architecture, or tests what can't, is incompatible: told, and no failure.

    Raises:
        NoTests: nothing selected is a test, or none can be built.
    """
    started = time.monotonic()
    ok = False
    try:
        with open_session(replace(options, keep_going=True)) as session:
            tests = [item for item in found(session, patterns or ("//...",)) if _is_test(session, item)]
            if not tests:
                raise NoTests("no test was selected", hint="`lkbuild query 'kind(test, //...)'` lists those there are")
            analyses, selected, left = _analyzed(session, tests)
            if not selected:
                raise NoTests("no test that was selected can be built", detail=f"{left[0].label} {left[0].reason}")
            requested = tuple(Requested(item, _report_of(analyses.by_node[item.node].get(Test))) for item in selected)
            if options.dry_run:
                report = plan(session, analyses, requested, sink, started)
                report = replace(report, targets=(*report.targets, *left))
                ok = report.ok
                return report
            report = build_requested(session, analyses, requested, sink, started).report
            said = replace(report, targets=(*map(_verdict, report.targets), *left), errors=tuple(map(_failure, report.errors)))
            if snapshot:
                snapshot.look(session, report, said)
            report = said
            for target in report.targets:
                sink.emit(TestFinished(label=target.label, configuration=target.configuration, state=target.state, log=target.log))
            ok = report.ok
            return report
    finally:
        sink.emit(BuildFinished(ok=ok, seconds=time.monotonic() - started))


def _analyzed(session: Session, tests: Sequence[Selected]) -> tuple[Analyses, list[Selected], list[TargetReport]]:
    """The analyses of tests, those that there can be, and a verdict on the others. Raises LoadError and AnalysisError."""
    left = {item: session.loader.target(item.node.label) for item in tests if not item.named and not fits(session, item)}
    selected = [item for item in tests if item not in left]
    try:
        analyses = analyze(session, selected)
    except AnalysisError:
        # What is tested may be for fewer architectures than the test says. To look for that takes as long as the analysis.
        known = session.analyzer.incompatible((item.node for item in selected), session.checkpoint)
        more = {item: known[item.node] for item in selected if not item.named and item.node in known}
        if not more:
            raise
        left |= more
        selected = [item for item in selected if item not in more]
        analyses = analyze(session, selected)
    return analyses, selected, [_incompatible(item, blamed) for item, blamed in left.items()]


def _incompatible(item: Selected, blamed: Target) -> TargetReport:
    needed = "" if blamed.label == item.node.label else f"needs {blamed.label.short}, which "
    reason = f"{needed}is for {', '.join(blamed.arches)}"
    return TargetReport(label=item.text, configuration=str(item.node.configuration), key="", state="incompatible", reason=reason)


def _is_test(session: Session, item: Selected) -> bool:
    session.checkpoint()
    rule = session.rules.get(session.loader.target(item.node.label).rule)
    return rule is not None and rule.test


def _report_of(provider: Test | None) -> tuple[NamedArtifact, ...]:
    return (NamedArtifact(provider.log.path.rpartition("/")[2], provider.log),) if provider else ()


def _verdict(target: TargetReport) -> TargetReport:
    log = str(Path(target.outputs[0].path)) if target.outputs else None
    return replace(target, state=_STATES[target.state], log=log)


def _failure(error: LkbuildError) -> LkbuildError:
    """A failed test action is a failed test (exit 3), anything else stays what it is."""
    if type(error) is not BuildFailed:
        return error
    return TestsFailed(error.message, position=error.position, hint=error.hint, label=error.label, detail=error.detail)
