"""Makes a baseline of what came of a build, and the next one of a baseline and what came of a build of what an edit had affected.

Does not decide what is affected (`lkbuild.app.baseline` does), nor where a baseline is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lkbuild.app.baseline import Baseline, Choice
from lkbuild.app.executing import Built
from lkbuild.app.selection import Selected
from lkbuild.app.session import Session
from lkbuild.app.wanted import Wanted
from lkbuild.base.digest import Digest
from lkbuild.base.label import Label
from lkbuild.execution.plan import ActionGraph, artifacts_of
from lkbuild.model.action import Source
from lkbuild.model.artifact import ActionId, SourceFile
from lkbuild.model.configuration import NodeKey
from lkbuild.model.report import TargetReport, Written

#: The classes of actions of which nothing is left to be done.
_DONE = frozenset({Source.UP_TO_DATE, Source.LOCAL_HIT, Source.REMOTE_HIT, Source.EXECUTED})


def baseline_of(session: Session, wanted: Wanted, built: Built) -> Baseline | None:
    """The baseline that a build of all that is wanted leaves; None where the next build would find something to do."""
    if not is_settled(session, built):
        return None
    graph, closure, reports = built.execution.graph, wanted.analyses.closure, built.report.targets
    number = {action: at for at, action in enumerate(graph.order)}
    place = {node: at for at, node in enumerate(closure.order)}
    choice = {item: at for at, item in enumerate(wanted.selected)}
    return Baseline(
        root=str(session.root),
        choices=choices_of(session, wanted.selected),
        labels=tuple(report.label for report in reports),
        configurations=tuple(report.configuration for report in reports),
        keys=tuple(report.key for report in reports),
        chosen=tuple(tuple(choice[part] for part in item.joins or (item.selected,)) for item in built.requested),
        wanted=tuple(tuple(number[action] for action in item.actions()) for item in built.requested),
        outputs=tuple(map(written_of, reports)),
        actions=tuple(map(str, graph.order)),
        producers=tuple(tuple(number[producer] for producer in graph.producers[action]) for action in graph.order),
        recipes=tuple(graph.recipes[action].hash for action in graph.order),
        seconds=tuple(seconds_of(built, action) for action in graph.order),
        takers=takers_of(graph),
        nodes=tuple((place[item.selected.node],) for item in built.requested),
        names=tuple(map(str, closure.order)),
        packages=tuple(node.label.package for node in closure.order),
        needs=tuple(tuple(place[edge.target] for edge in closure.edges[node]) for node in closure.order),
        answers=session.loader.answers(),
        loaded=loaded_of(session),
        code=code_of(session),
        record=built.record,
    )


def code_of(session: Session) -> frozenset[str]:
    """For `Baseline.code`, what the rules depend on that were loaded."""
    return frozenset(path.removeprefix(f"{session.root}/") for path in session.rules.looked_at())


def loaded_of(session: Session) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For `Baseline.loaded`, the packages that were loaded."""
    return {
        name: (Digest.of(repr(package.outline.choice()).encode("utf-8", "surrogateescape")).hash, tuple(sorted(package.asked)))
        for name, package in session.loader.loaded().items()
    }


def baseline_after(session: Session, before: Baseline, targets: Sequence[int], built: Built) -> Baseline | None:
    """The baseline after a build of some of the targets, whose actions are those of before; None where something is left to be done."""
    graph = built.execution.graph
    number = {name: at for at, name in enumerate(before.actions)}
    if not is_settled(session, built) or any(str(action) not in number for action in graph.order):
        return None
    recipes, seconds, unrecorded = list(before.recipes), list(before.seconds), {*before.unrecorded}
    for action in graph.order:
        at = number[str(action)]
        if recipes[at] != graph.recipes[action].hash:
            unrecorded.add(at)
        recipes[at], seconds[at] = graph.recipes[action].hash, seconds_of(built, action) or seconds[at]
    keys, outputs = list(before.keys), list(before.outputs)
    for at, report in zip(targets, built.report.targets, strict=True):
        keys[at], outputs[at] = report.key, written_of(report)
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
    """Numbers of the actions whose results a build of some targets asked for: the others were up to date with what is made of them."""
    execution = built.execution
    number = {name: at for at, name in enumerate(before.actions)}
    return frozenset(
        number[str(action)]
        for action, source in execution.sources.items()
        if str(action) in number and (source is not Source.UP_TO_DATE or execution.graph.recipes[action] in execution.results)
    )


def selected_of(session: Session, choices: Sequence[Choice], numbers: Iterable[int]) -> dict[Selected, int]:
    """Some of the choices as what they were made of, with their numbers."""
    configurations = session.configurations()
    found: dict[Selected, int] = {}
    for at in numbers:
        package, name, configuration, group, named = choices[at]
        found[Selected(NodeKey(Label(package, name), configurations[configuration]), group, named)] = at
    return found


def is_settled(session: Session, built: Built) -> bool:
    """Whether a build that nobody touches anything before would find everything up to date."""
    execution = built.execution
    if not built.report.ok or not set(execution.sources.values()) <= _DONE or session.options.download == "none":
        return False
    ran = [execution.graph.recipes[action] for action, source in execution.sources.items() if source is not Source.UP_TO_DATE]
    return not ran or len(session.store.actions.get_recipes(ran)) == len(set(ran))


def choices_of(session: Session, selected: Sequence[Selected]) -> tuple[Choice, ...]:
    """For `Baseline.choices`, what was selected."""
    configurations = {configuration: at for at, configuration in enumerate(session.configurations())}
    return tuple(
        (item.node.label.package, item.node.label.name, configurations[item.node.configuration], item.group, item.named)
        for item in selected
    )


def written_of(report: TargetReport) -> tuple[Written, ...]:
    """For `Baseline.outputs`, what a target came to."""
    return tuple(report.written())


def seconds_of(built: Built, action: ActionId) -> float:
    """What an action took when it ran; 0 where nobody asked for its result."""
    result = built.execution.results.get(built.execution.graph.recipes[action])
    return result.seconds if result else 0.0


def takers_of(graph: ActionGraph) -> Mapping[str, tuple[int, ...]]:
    """For `Baseline.takers`, numbers of a graph's actions."""
    found: dict[str, list[int]] = {}
    for number, action in enumerate(graph.order):
        for artifact in artifacts_of(graph.actions[action].spec):
            if isinstance(artifact, SourceFile):
                found.setdefault(artifact.path, []).append(number)
    return {path: tuple(numbers) for path, numbers in found.items()}
