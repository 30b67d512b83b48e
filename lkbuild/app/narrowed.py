"""A build of what an edit affects: the targets that it reaches are built as ever, and the others are as the last build left them.

Where more may have changed than can be told, there is no such build, and all of it is looked at. Does not know where what it knows of the
last build comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lkbuild.app.baseline import Affected, Baseline
from lkbuild.app.baselines import baseline_after, chosen_of, loaded_of, looked_at
from lkbuild.app.executing import Built, Rest, actions_of, build_requested
from lkbuild.app.grafted import baseline_grafted, collide
from lkbuild.app.session import Session
from lkbuild.app.wanted import Wanted, wanted
from lkbuild.base.errors import AnalysisError, LoadError
from lkbuild.base.values import dataclass
from lkbuild.loading.disk import answer_of
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, BuildStarted, Event, EventSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What came of it.

    Attributes:
        built: with a report of all that was asked for.
        targets: numbers of those that were built, in the baseline.
        baseline: for the next build; None where there is none to rest on.
    """

    built: Built
    targets: tuple[int, ...]
    baseline: Baseline | None


def build_affected(session: Session, baseline: Baseline, changed: Sequence[str], sink: EventSink, started: float) -> Narrowed | None:
    """Build the targets that changes of some paths reach; None, before anything has run, where all have to be looked at."""
    affected = baseline.affected(changed, lambda path, was: answer_of(session.root, path, was))
    found = _analysed(session, baseline, affected) if affected else None
    if affected is None or found is None:
        return None
    targets = affected.targets
    kept, below = baseline.below(baseline.others(targets)), baseline.below(targets)
    analysed = {str(action) for action in actions_of(found.analyses)}
    rest = Rest(
        recipes=frozenset(baseline.recipes[number] for number in kept),
        record=baseline.record,
        replaced=frozenset(baseline.actions[number] for number in below - kept) if affected.packages else frozenset(),
    )
    told = _AsAll(sink, baseline, sum(baseline.actions[number] not in analysed for number in kept))
    built = build_requested(session, found.analyses, found.requested, told, started, rest)
    ran = {str(action) for action in built.execution.graph.order}
    others = sum(baseline.actions[number] not in ran for number in kept)
    if affected.packages:
        after = baseline_grafted(session, baseline, targets, found, built)
    else:
        after = baseline_after(session, baseline, targets, built)
    report = baseline.merged(built.report, targets, others, looked_at(baseline, built))
    return Narrowed(built=replace(built, report=report), targets=targets, baseline=after)


def _analysed(session: Session, baseline: Baseline, affected: Affected) -> Wanted | None:
    """The affected targets as they are now; None where patterns may select others, or an error has to be told of all."""
    try:
        for package in affected.packages:
            session.loader.outline(package)
        now = loaded_of(session)
        if any(now[package][0] != baseline.loaded[package][0] for package in affected.packages):
            return None
        found = wanted(session, chosen_of(session, baseline, affected.targets))
    except (LoadError, AnalysisError):
        return None
    if affected.packages and collide(found.requested, session.out, baseline.outputs_of(baseline.others(affected.targets))):
        return None
    asked = [(item.selected.text, str(item.selected.node.configuration)) for item in found.requested]
    same = asked == [(baseline.labels[number], baseline.configurations[number]) for number in affected.targets]
    return found if same else None


class _AsAll:
    """Passes events on, as those of a build of everything that was asked for."""

    def __init__(self, sink: EventSink, baseline: Baseline, others: int) -> None:
        """`others`: how many actions are left out."""
        self._sink, self._baseline, self._others = sink, baseline, others

    def emit(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, BuildStarted):
            self._sink.emit(BuildStarted(targets=self._baseline.labels, actions=event.actions + self._others))
            self._sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE, count=self._others))
        else:
            self._sink.emit(event)
