"""Use case: bring everything locked that some targets need into the store, so that `--offline` works afterwards. Builds nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from lkbuild.app.engine import make_loop
from lkbuild.app.options import BuildOptions
from lkbuild.app.selection import analyze, select
from lkbuild.app.session import open_session
from lkbuild.app.settings import make_wish
from lkbuild.model.events import BuildFinished, BuildStarted, EventSink
from lkbuild.model.report import BuildReport


def fetch(options: BuildOptions, patterns: Sequence[str], sink: EventSink) -> BuildReport:
    """Fetch every locked input in the closure of what the patterns select."""
    started = time.monotonic()
    ok = False
    try:
        with open_session(options) as session:
            selected = select(session, patterns)
            analyses = analyze(session, selected)
            actions = {
                planned.info.id: planned for analysis in analyses.by_node.values() for planned in analysis.actions if planned.info.sources
            }
            sink.emit(BuildStarted(targets=tuple(item.text for item in selected), actions=len(actions)))
            with make_loop(session, sink) as loop:
                execution = loop.execute(make_wish(session, tuple(actions), actions))
            ok = not execution.errors
            return BuildReport(
                elapsed_s=time.monotonic() - started,
                counts=Counter(execution.sources.values()),
                executed=tuple(f"{actions[item].info.label} {actions[item].info.mnemonic}" for item in execution.executed),
                errors=tuple(execution.errors.values()),
                fetched_bytes=execution.fetched_bytes(),
            )
    finally:
        sink.emit(BuildFinished(ok=ok, seconds=time.monotonic() - started))
