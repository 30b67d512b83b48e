"""A build of what an edit affects: the targets that it reaches are built as ever, and the others are as the last build left them.

Where anything is not as it was then, but sources and outputs, there is no such build, and all of it is looked at. Does not know where
what it knows of the last build comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lkbuild.app.baseline import Baseline
from lkbuild.app.baselines import baseline_after, chosen_of, looked_at
from lkbuild.app.executing import Built, Rest, build_requested
from lkbuild.app.history import History
from lkbuild.app.request import request
from lkbuild.app.session import Session
from lkbuild.base.digest import Digest
from lkbuild.base.errors import AnalysisError, LoadError
from lkbuild.base.values import dataclass
from lkbuild.loading.disk import still
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
    if not History(session.state).has(baseline.record):  # what would be recorded could not be explained
        return None
    targets = baseline.affected(changed, lambda path, answer: still(session.root, path, answer))
    if targets is None:
        return None
    targets = _with_lost(session, baseline, targets)
    try:
        analyses, requested = request(session, chosen_of(session, baseline, targets))
    except (LoadError, AnalysisError):  # something has changed since it was compared: who looks at all of it finds what
        return None
    asked = [(item.selected.text, str(item.selected.node.configuration)) for item in requested]
    if asked != [(baseline.labels[number], baseline.configurations[number]) for number in targets]:
        return None
    below = baseline.below(targets)
    rest = Rest(
        recipes=frozenset(recipe for number, recipe in enumerate(baseline.recipes) if number not in below),
        record=baseline.record,
    )
    told = _AsAll(sink, baseline, len(baseline.actions) - len(below))
    built = build_requested(session, analyses, requested, told, started, rest)
    return Narrowed(
        built=replace(built, report=baseline.merged(built.report, targets, looked_at(baseline, built))),
        targets=targets,
        baseline=baseline_after(session, baseline, targets, built),
    )


def _with_lost(session: Session, baseline: Baseline, targets: tuple[int, ...]) -> tuple[int, ...]:
    """Some targets, and others whose results they are made of and the store has lost: an action that runs again may make other bytes."""
    shared = baseline.shared({*targets})
    recipes = {action: Digest(baseline.recipes[action], 0) for actions in shared.values() for action in actions}  # found by hash
    known = session.store.actions.get_recipes(recipes.values())
    lost = {number for number, actions in shared.items() if any(recipes[action] not in known for action in actions)}
    return tuple(sorted({*targets, *lost}))


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
