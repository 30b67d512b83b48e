"""Use case: run tests. A test is an action that fails when the test does, so a test that passed is cached like anything else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lkbuild.app.build import Observer, build_requested, nobody, plan
from lkbuild.app.options import BuildOptions
from lkbuild.app.request import Requested
from lkbuild.app.selection import Selected, analyze, select
from lkbuild.app.session import Session, open_session
from lkbuild.base.errors import BuildFailed, LkbuildError, NoTests, TestsFailed
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.events import BuildFinished, EventSink, TestFinished
from lkbuild.model.providers import Test
from lkbuild.model.report import BuildReport, TargetReport

_STATES = {"built": "passed", "up_to_date": "passed", "failed": "failed", "skipped": "skipped"}


def test(  # a verb, no function of pytest's
    options: BuildOptions,
    patterns: Sequence[str],
    sink: EventSink,
    *,
    observe: Observer = nobody,
) -> BuildReport:
    """Run the tests among what the patterns select; all of the workspace without patterns. Every test runs, whatever fails.

    Raises:
        NoTests: nothing selected is a test.
    """
    started = time.monotonic()
    ok = False
    try:
        with open_session(replace(options, keep_going=True)) as session:
            selected = [item for item in select(session, patterns or ("//...",)) if _is_test(session, item)]
            if not selected:
                raise NoTests("no test was selected", hint="`lkbuild query 'kind(test, //...)'` lists those there are")
            analyses = analyze(session, selected)
            requested = tuple(Requested(item, _report_of(analyses.by_node[item.node].get(Test))) for item in selected)
            if options.dry_run:
                report = plan(session, analyses, requested, sink, started)
                ok = report.ok
                return report
            report = build_requested(session, analyses, requested, sink, started)
            observe(session, report)
            report = replace(report, targets=tuple(map(_verdict, report.targets)), errors=tuple(map(_failure, report.errors)))
            for target in report.targets:
                sink.emit(TestFinished(label=target.label, configuration=target.configuration, state=target.state, log=target.log))
            ok = report.ok
            return report
    finally:
        sink.emit(BuildFinished(ok=ok, seconds=time.monotonic() - started))


def _is_test(session: Session, item: Selected) -> bool:
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
