"""The baseline after a build of some of the targets for which packages were made again: its nodes and actions in the place of theirs.

What the other targets rest on stays. That is told by names: a node or action that both have is the same, or its target would be among those
that were built. Does not decide which targets are built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lkbuild.app.baseline import Baseline, Written, closed
from lkbuild.app.baselines import is_settled, loaded_of, seconds_of, takers_of, written_of
from lkbuild.app.executing import Built
from lkbuild.app.places import places
from lkbuild.app.request import Requested
from lkbuild.app.session import Session
from lkbuild.app.wanted import Wanted
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


def baseline_grafted(session: Session, before: Baseline, targets: Sequence[int], wanted: Wanted, built: Built) -> Baseline | None:
    """The baseline after a build of some of the targets; None where something is left to be done."""
    if not is_settled(session, built):
        return None
    others = before.others(targets)
    graph, closure = built.execution.graph, wanted.analyses.closure
    number = {action: at for at, action in enumerate(graph.order)}
    place = {node: at for at, node in enumerate(closure.order)}
    actions = _graft(
        [*map(str, graph.order)],
        (tuple(number[producer] for producer in graph.producers[action]) for action in graph.order),
        before.actions,
        before.producers,
        before.below(others),
    )
    nodes = _graft(
        [*map(str, closure.order)],
        (tuple(place[edge.target] for edge in closure.edges[node]) for node in closure.order),
        before.names,
        before.needs,
        closed((node for target in others for node in before.nodes[target]), before.needs),
    )
    wanted_of, nodes_of = list(before.wanted), list(before.nodes)
    keys, outputs = list(before.keys), list(before.outputs)
    for target in others:
        wanted_of[target], nodes_of[target] = actions.numbers(before.wanted[target]), nodes.numbers(before.nodes[target])
    for target, item, report in zip(targets, built.requested, built.report.targets, strict=True):
        wanted_of[target] = tuple(number[action] for action in item.actions())
        nodes_of[target] = (place[item.selected.node],)
        keys[target], outputs[target] = report.key, written_of(report)
    return replace(
        before,
        keys=tuple(keys),
        wanted=tuple(wanted_of),
        outputs=tuple(outputs),
        actions=actions.names,
        producers=actions.inputs,
        recipes=(*(graph.recipes[action].hash for action in graph.order), *(before.recipes[old] for old in actions.added)),
        seconds=(*_seconds(before, built), *(before.seconds[old] for old in actions.added)),
        takers=_takers(before, built, actions),
        nodes=tuple(nodes_of),
        names=nodes.names,
        packages=(*(node.label.package for node in closure.order), *(before.packages[old] for old in nodes.added)),
        needs=nodes.inputs,
        answers={**before.answers, **session.loader.answers()},
        loaded={**before.loaded, **loaded_of(session)},
        record=built.record,
    )


def collide(requested: Iterable[Requested], out: Path, others: Iterable[Written]) -> bool:
    """Whether an output of what is requested would lie in the place of one of the others, in it or around it."""
    taken = {path for path, _, _, _ in others}
    around = {folder for path in taken for folder in _around(path)}
    for item in requested:
        for place in places(item.selected.node, None, item.files):
            path = f"{out}/{'/'.join(place.parts)}"
            if path in taken or path in around or not taken.isdisjoint(_around(path)):
                return True
    return False


def _around(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


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
