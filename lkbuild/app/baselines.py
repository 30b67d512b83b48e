"""Makes a baseline of what came of a build, and the next one of a baseline and what came of a build of what an edit had affected.

Does not decide what is affected (`lkbuild.app.baseline` does), nor where a baseline is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lkbuild.app.baseline import Baseline, Choice, Written
from lkbuild.app.executing import Built
from lkbuild.app.selection import Selected
from lkbuild.app.session import Session
from lkbuild.base.label import Label
from lkbuild.execution.plan import ActionGraph, artifacts_of
from lkbuild.model.action import Source
from lkbuild.model.artifact import ActionId, SourceFile
from lkbuild.model.configuration import NodeKey
from lkbuild.model.report import TargetReport

#: The classes of actions of which nothing is left to be done.
_DONE = frozenset({Source.UP_TO_DATE, Source.LOCAL_HIT, Source.REMOTE_HIT, Source.EXECUTED})


def baseline_of(session: Session, selected: Sequence[Selected], built: Built) -> Baseline | None:
    """The baseline that a build of all that was selected leaves; None where the next build would find something to do."""
    if not is_settled(session, built):
        return None
    graph, reports = built.execution.graph, built.report.targets
    number = {action: at for at, action in enumerate(graph.order)}
    choice = {item: at for at, item in enumerate(selected)}
    return Baseline(
        root=str(session.root),
        choices=_choices(session, selected),
        labels=tuple(report.label for report in reports),
        configurations=tuple(report.configuration for report in reports),
        keys=tuple(report.key for report in reports),
        chosen=tuple(tuple(choice[part] for part in item.joins or (item.selected,)) for item in built.requested),
        wanted=tuple(tuple(number[action] for action in item.actions()) for item in built.requested),
        outputs=tuple(map(_written, reports)),
        actions=tuple(map(str, graph.order)),
        producers=tuple(tuple(number[producer] for producer in graph.producers[action]) for action in graph.order),
        recipes=tuple(graph.recipes[action].hash for action in graph.order),
        seconds=tuple(_seconds(built, action) for action in graph.order),
        takers=_takers(graph),
        answers=session.loader.answers(),
        code=frozenset(path.removeprefix(f"{session.root}/") for path in session.rules.looked_at()),
        record=built.record,
    )


def baseline_after(session: Session, before: Baseline, targets: Sequence[int], built: Built) -> Baseline | None:
    """The baseline after a build of some of the targets, with the same conditions; None also where its actions are not those of before."""
    graph = built.execution.graph
    number = {name: at for at, name in enumerate(before.actions)}
    if not is_settled(session, built) or any(str(action) not in number for action in graph.order):
        return None
    recipes, seconds, unrecorded = list(before.recipes), list(before.seconds), {*before.unrecorded}
    for action in graph.order:
        at = number[str(action)]
        if recipes[at] != graph.recipes[action].hash:
            unrecorded.add(at)
        recipes[at], seconds[at] = graph.recipes[action].hash, _seconds(built, action) or seconds[at]
    keys, outputs = list(before.keys), list(before.outputs)
    for at, report in zip(targets, built.report.targets, strict=True):
        keys[at], outputs[at] = report.key, _written(report)
    return replace(
        before,
        recipes=tuple(recipes),
        seconds=tuple(seconds),
        keys=tuple(keys),
        outputs=tuple(outputs),
        record=built.record,
        unrecorded=tuple(sorted(unrecorded)) if built.record == before.record else (),
    )


def looked_at(before: Baseline, built: Built) -> frozenset[int]:
    """Numbers of the actions whose results a build of some targets asked for: the others are as up to date as what is made of them."""
    execution = built.execution
    number = {name: at for at, name in enumerate(before.actions)}
    return frozenset(
        number[str(action)]
        for action, source in execution.sources.items()
        if str(action) in number and (source is not Source.UP_TO_DATE or execution.graph.recipes[action] in execution.results)
    )


def chosen_of(session: Session, baseline: Baseline, targets: Iterable[int]) -> tuple[Selected, ...]:
    """What was selected for some of the targets, in the order of the patterns."""
    configurations = session.configurations()
    found = sorted({choice for number in targets for choice in baseline.chosen[number]})
    return tuple(
        Selected(NodeKey(Label(package, name), configurations[configuration]), group, named)
        for package, name, configuration, group, named in (baseline.choices[number] for number in found)
    )


def is_settled(session: Session, built: Built) -> bool:
    """Whether a build that nobody touches anything before would find everything up to date."""
    execution = built.execution
    if not built.report.ok or not set(execution.sources.values()) <= _DONE or session.options.download == "none":
        return False
    ran = [execution.graph.recipes[action] for action, source in execution.sources.items() if source is not Source.UP_TO_DATE]
    return not ran or len(session.store.actions.get_recipes(ran)) == len(set(ran))


def _choices(session: Session, selected: Sequence[Selected]) -> tuple[Choice, ...]:
    configurations = {configuration: at for at, configuration in enumerate(session.configurations())}
    return tuple(
        (item.node.label.package, item.node.label.name, configurations[item.node.configuration], item.group, item.named)
        for item in selected
    )


def _written(report: TargetReport) -> tuple[Written, ...]:
    return tuple((output.path, output.digest.hash, output.digest.size, output.tree) for output in report.outputs)


def _seconds(built: Built, action: ActionId) -> float:
    result = built.execution.results.get(built.execution.graph.recipes[action])
    return result.seconds if result else 0.0


def _takers(graph: ActionGraph) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for number, action in enumerate(graph.order):
        for artifact in artifacts_of(graph.actions[action].spec):
            if isinstance(artifact, SourceFile):
                found.setdefault(artifact.path, []).append(number)
    return {path: tuple(numbers) for path, numbers in found.items()}
