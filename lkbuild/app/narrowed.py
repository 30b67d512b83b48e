"""A build of what an edit affects: the targets that it reaches are built as ever, and the others are as the last build left them.

Where more may have changed than can be told, there is no such build, and all of it is looked at. Does not know where what it knows of the
last build comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lkbuild.app.baseline import Baseline, Order
from lkbuild.app.baseline_report import merged
from lkbuild.app.baselines import baseline_after, looked_at
from lkbuild.app.executing import Built, Rest, actions_of, build_requested
from lkbuild.app.grafted import baseline_grafted
from lkbuild.app.history import History
from lkbuild.app.narrowing import Narrowing, narrow
from lkbuild.app.session import Session
from lkbuild.app.wanted import Wanted
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.loading.disk import answer_of
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, BuildStarted, Event, EventSink


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What came of it.

    Attributes:
        built: with a report of all that is selected.
        order: of the targets in that report.
        baseline: for the next build; None where there is none to rest on.
    """

    built: Built
    order: Order
    baseline: Baseline | None


def build_affected(
    session: Session,
    baseline: Baseline,
    changed: Sequence[str],
    patterns: Sequence[str],
    sink: EventSink,
    started: float,
    known: Wanted | None = None,
) -> Narrowed | None:
    """Build the targets that changes of some paths reach; None, before anything has run, where all have to be looked at.

    `known`: as `narrow` takes it.
    """
    if not History(session.state).has(baseline.record):  # what would be recorded could not be explained
        return None
    affected = baseline.affected(changed, lambda path, was: answer_of(session.root, path, was))
    if affected is None:
        return None
    affected = replace(affected, targets=_with_lost(session, baseline, affected.targets))
    narrowing = narrow(session, baseline, affected, patterns, known)
    if narrowing is None:
        return None
    left, found = narrowing.others, narrowing.wanted
    kept = baseline.below(left)
    names = set(map(baseline.actions.__getitem__, kept))
    labels = tuple(map(baseline.labels.__getitem__, left))
    more = len(names.difference(map(str, actions_of(found.analyses))))
    told = _AsAll(sink, labels, more, len(kept - baseline.below(affected.targets)))
    built = build_requested(session, found.analyses, found.requested, told, started, _rest(baseline, narrowing, kept))
    others = len(names.difference(map(str, built.execution.graph.order)))
    if narrowing.grafted:
        after = baseline_grafted(session, baseline, narrowing, built)
    else:
        after = baseline_after(session, baseline, affected.targets, built)
    report = merged(baseline, built.report, narrowing.order, others, looked_at(baseline, built))
    return Narrowed(built=replace(built, report=report), order=narrowing.order, baseline=after)


def _rest(baseline: Baseline, narrowing: Narrowing, kept: frozenset[int]) -> Rest:
    """What is left out: the actions that other targets rest on."""
    replaced = (name for number, name in enumerate(baseline.actions) if number not in kept) if narrowing.grafted else ()
    return Rest(recipes=frozenset(baseline.recipes[number] for number in kept), record=baseline.record, replaced=frozenset(replaced))


def _with_lost(session: Session, baseline: Baseline, targets: tuple[int, ...]) -> tuple[int, ...]:
    """Some targets, and others whose results they are made of and the store has lost: an action that runs again may make other bytes."""
    shared = baseline.shared({*targets})
    recipes = {action: Digest(baseline.recipes[action], 0) for actions in shared.values() for action in actions}  # found by hash
    known = session.store.actions.get_recipes(recipes.values())
    lost = {number for number, actions in shared.items() if any(recipes[action] not in known for action in actions)}
    return tuple(sorted({*targets, *lost}))


class _AsAll:
    """Passes events on, as those of a build of everything that was asked for."""

    def __init__(self, sink: EventSink, labels: Sequence[str], more: int, unseen: int) -> None:
        """Of the targets that are left out, their labels, and how many actions are theirs alone, or are not looked at."""
        self._sink, self._labels, self._more, self._unseen = sink, labels, more, unseen

    def emit(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, BuildStarted):
            self._sink.emit(BuildStarted(targets=(*event.targets, *self._labels), actions=event.actions + self._more))
            self._sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE, count=self._unseen))
        else:
            self._sink.emit(event)
