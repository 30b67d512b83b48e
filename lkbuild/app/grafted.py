"""The baseline after a build of some of the targets for which packages were made again: its nodes and actions in the place of theirs.

What the other targets rest on stays. That is told by names: a node or action that both have is the same, or its target would be among those
that were built. Does not decide which targets are built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lkbuild.app.baseline import Baseline, closed
from lkbuild.app.baselines import code_of, is_settled, loaded_of, seconds_of, takers_of, written_of
from lkbuild.app.executing import Built
from lkbuild.app.narrowing import Narrowing
from lkbuild.app.session import Session
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class _Graft:
    """A graph of numbers: a new one, followed by what is kept of an old one.

    Attributes:
        names: of its members.
        inputs: numbers of what each takes in; all stand before it, since nothing new takes in what only the old one has.
        moved: the numbers that what is kept has now, by those that it had.
        added: the old numbers of what follows the new ones.
    """

    names: tuple[str, ...]
    inputs: tuple[tuple[int, ...], ...]
    moved: Mapping[int, int]
    added: tuple[int, ...]

    def numbers(self, old: Sequence[int]) -> tuple[int, ...]:
        """Old numbers as they are now."""
        return tuple(self.moved[number] for number in old)


def _graft(
    new: Sequence[str],
    new_inputs: Iterable[tuple[int, ...]],
    old: Sequence[str],
    old_inputs: Sequence[tuple[int, ...]],
    kept: frozenset[int],
) -> _Graft:
    place = {name: number for number, name in enumerate(new)}
    added = tuple(number for number in sorted(kept) if old[number] not in place)
    place |= {old[number]: len(new) + at for at, number in enumerate(added)}
    moved = {number: place[old[number]] for number in kept}
    inputs = (tuple(moved[taken] for taken in old_inputs[number]) for number in added)
    return _Graft((*new, *(old[number] for number in added)), (*new_inputs, *inputs), moved, added)


def baseline_grafted(session: Session, before: Baseline, narrowing: Narrowing, built: Built) -> Baseline | None:
    """The baseline after a build of a part of what is selected; None where something is left to be done."""
    if not is_settled(session, built):
        return None
    graph, closure = built.execution.graph, narrowing.wanted.analyses.closure
    number = {action: at for at, action in enumerate(graph.order)}
    place = {node: at for at, node in enumerate(closure.order)}
    actions = _graft(
        [*map(str, graph.order)],
        (tuple(number[producer] for producer in graph.producers[action]) for action in graph.order),
        before.actions,
        before.producers,
        before.below(narrowing.others),
    )
    nodes = _graft(
        [*map(str, closure.order)],
        (tuple(place[edge.target] for edge in closure.edges[node]) for node in closure.order),
        before.names,
        before.needs,
        closed((node for target in narrowing.others for node in before.nodes[target]), before.needs),
    )
    made = [
        (
            report.label,
            report.configuration,
            report.key,
            tuple(number[action] for action in item.actions()),
            written_of(report),
            (place[item.selected.node],),
        )
        for item, report in zip(built.requested, built.report.targets, strict=True)
    ]
    rows = [made[at] if at >= 0 else _moved(before, ~at, actions, nodes) for at in narrowing.order]
    labels, configurations, keys, wanted, outputs, own = zip(*rows, strict=True) if rows else ((),) * 6
    return Baseline(
        root=before.root,
        choices=narrowing.choices,
        labels=labels,
        configurations=configurations,
        keys=keys,
        chosen=narrowing.chosen,
        wanted=wanted,
        outputs=outputs,
        actions=actions.names,
        producers=actions.inputs,
        recipes=(*(graph.recipes[action].hash for action in graph.order), *(before.recipes[old] for old in actions.added)),
        seconds=(*_seconds(before, built), *(before.seconds[old] for old in actions.added)),
        takers=_takers(before, built, actions),
        nodes=own,
        names=nodes.names,
        packages=(*(node.label.package for node in closure.order), *(before.packages[old] for old in nodes.added)),
        needs=nodes.inputs,
        answers={**before.answers, **session.loader.answers()},
        code=before.code | code_of(session),
        loaded={**{name: known for name, known in before.loaded.items() if name not in narrowing.packages}, **loaded_of(session)},
        record=built.record,
        unrecorded=_unrecorded(before, built, actions) if built.record == before.record else (),
    )


def _unrecorded(before: Baseline, built: Built, actions: _Graft) -> tuple[int, ...]:
    """For `Baseline.unrecorded`, where nothing was recorded: what is other than it was."""
    graph = built.execution.graph
    left_out = set(before.unrecorded)
    recorded = {(name, recipe) for at, (name, recipe) in enumerate(zip(before.actions, before.recipes, strict=True)) if at not in left_out}
    new = (at for at, action in enumerate(graph.order) if (str(action), graph.recipes[action].hash) not in recorded)
    return (*new, *actions.numbers([at for at in before.unrecorded if at in actions.added]))


def _moved(before: Baseline, target: int, actions: _Graft, nodes: _Graft) -> tuple[Any, ...]:
    """The columns of a target that was not built."""
    return (
        before.labels[target],
        before.configurations[target],
        before.keys[target],
        actions.numbers(before.wanted[target]),
        before.outputs[target],
        nodes.numbers(before.nodes[target]),
    )


def _seconds(before: Baseline, built: Built) -> Iterable[float]:
    known = dict(zip(before.recipes, before.seconds, strict=True))
    for action in built.execution.graph.order:
        yield seconds_of(built, action) or known.get(built.execution.graph.recipes[action].hash, 0.0)


def _takers(before: Baseline, built: Built, actions: _Graft) -> dict[str, tuple[int, ...]]:
    """Who takes each source now."""
    added = frozenset(actions.added)
    found = dict(takers_of(built.execution.graph))
    for path, numbers in before.takers.items():
        kept = actions.numbers([number for number in numbers if number in added])
        if kept:
            found[path] = (*found.get(path, ()), *kept)
    return found
