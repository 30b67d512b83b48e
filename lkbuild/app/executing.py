"""Brings about what was requested: analyses to actions to outputs on disk, a record for explanations, and a report of it all.

Does not know patterns, nor what came of earlier builds: what a build leaves out, since nothing of it has changed, is its caller's to say.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.engine import make_loop
from lkbuild.app.event_sinks import Tee
from lkbuild.app.materialise import Materialiser
from lkbuild.app.places import check_places, folder_of, places
from lkbuild.app.reasons import Reasons
from lkbuild.app.recording import record
from lkbuild.app.request import Requested
from lkbuild.app.selection import all_files
from lkbuild.app.session import Session
from lkbuild.app.settings import make_wish
from lkbuild.app.trace import TraceSink
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.app.written_early import WrittenEarly
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.execution.build import BuildLoop, Execution
from lkbuild.execution.critical import measured_path
from lkbuild.keys.closure import closure_key
from lkbuild.model.action import PlannedAction, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import BuildStarted, EventSink, Notice
from lkbuild.model.report import BuildReport, TargetReport

#: Is told of an action that is done, in the thread that ran it.
Done: TypeAlias = Callable[[BuildLoop, ActionId, Execution], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a build leaves out, because nothing of it has changed since an earlier one.

    Attributes:
        recipes: hashes of its recipe keys.
        record: the record that has its actions.
        replaced: names of actions in that record that are no part of it: they are made, or there are none such any more.
    """

    recipes: frozenset[str] = frozenset()
    record: str = ""
    replaced: frozenset[str] = frozenset()


NOTHING: Final = Rest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of a build.

    Attributes:
        requested: what was to be built.
        execution: of its actions.
        state: what is remembered of the workspace.
        report: of all of it.
        record: the build's record among those for explanations, or that of the last that had the same actions; "" where there is none.
    """

    requested: tuple[Requested, ...]
    execution: Execution
    state: WorkspaceState
    report: BuildReport
    record: str


def build_requested(
    session: Session, analyses: Analyses, requested: Sequence[Requested], sink: EventSink, started: float, rest: Rest = NOTHING
) -> Built:
    """Execute what was requested, write its outputs, and tell what came of it. `started`: by time.monotonic()."""
    _check_places(session, requested)
    state = WorkspaceState(session.state / "state")
    early = WrittenEarly(requested, session.out)

    def write_early(loop: BuildLoop, action: ActionId, execution: Execution) -> None:
        early.done(action, execution, Materialiser(session.store.blobs, session.sources, execution, state, session.out, loop.new_file))

    execution = _run(session, analyses, requested, sink, state, write_early)
    recorded = record(session, analyses, execution, _named(requested), rest.record, rest.replaced)
    again: tuple[ActionId, ...] = ()
    if session.options.check and not execution.errors:
        nodes = tuple(dict.fromkeys(item.selected.node for item in requested))
        from lkbuild.app.check import check  # noqa: PLC0415 - not for most builds

        errors, again = check(session, analyses, nodes, execution, sink)
        execution.errors.update(errors)
    materialiser = Materialiser(session.store.blobs, session.sources, execution, state, session.out)
    targets = tuple(_target(session, item, execution, analyses, materialiser) for item in requested)
    state.save(
        rest.recipes | {recipe.hash for recipe in execution.graph.recipes.values() if recipe in execution.results} | _below(execution)
    )
    report = BuildReport(
        elapsed_s=time.monotonic() - started,
        targets=targets,
        counts=Counter({**execution.sources, **dict.fromkeys(again, Source.EXECUTED)}.values()),
        executed=tuple(_name(execution.graph.actions[action]) for action in (*execution.executed, *again)),
        errors=tuple(execution.errors.values()),
        fetched_bytes=execution.fetched_bytes(),
        saved_seconds=execution.saved_seconds,
        remote=execution.remote,
        critical_path=tuple(
            (_name(execution.graph.actions[action]), seconds)
            for action, seconds in measured_path(execution.graph, execution.results, execution.executed)
        ),
    )
    return Built(requested=tuple(requested), execution=execution, state=state, report=report, record=recorded)


def plan(session: Session, analyses: Analyses, requested: Sequence[Requested], sink: EventSink, started: float) -> BuildReport:
    """What a build would do: the actions that it would look up or run are told as notices, and counted as skipped."""
    actions = actions_of(analyses)
    wanted = tuple(dict.fromkeys(action for item in requested for action in item.actions()))
    with make_loop(session, sink) as loop:
        graph, demand = loop.plan(make_wish(session, wanted, actions))
    for action in demand.needed:
        sink.emit(Notice(text=f"would run: {_name(graph.actions[action])}"))
    needed = {graph.recipes[action] for action in demand.needed}
    targets = tuple(
        TargetReport(
            label=item.selected.text,
            configuration=str(item.selected.node.configuration),
            key="",
            state="would_build" if any(graph.recipes[action] in needed for action in item.actions()) else "up_to_date",
        )
        for item in requested
    )
    counts = {Source.SKIPPED: len(demand.needed), Source.UP_TO_DATE: len(graph.order) - len(demand.needed)}
    return BuildReport(elapsed_s=time.monotonic() - started, targets=targets, counts=counts)


def execute(session: Session, analyses: Analyses, requested: Sequence[Requested], sink: EventSink, state: WorkspaceState) -> Execution:
    """Run what must run for the requested artifacts, and keep a record of it."""
    execution = _run(session, analyses, requested, sink, state, None)
    record(session, analyses, execution, _named(requested))
    return execution


def _run(
    session: Session, analyses: Analyses, requested: Sequence[Requested], sink: EventSink, state: WorkspaceState, done: Done | None
) -> Execution:
    actions = actions_of(analyses)
    wanted = tuple(dict.fromkeys(action for item in requested for action in item.actions()))
    sink.emit(BuildStarted(targets=tuple(item.selected.text for item in requested), actions=len(actions)))
    closures = closures_of(session, requested)
    wish = replace(make_wish(session, wanted, actions, recent=state.recipes), closures=tuple(closures))
    if session.options.events is not None:
        wish = replace(wish, reason=Reasons(session, analyses))
    trace = TraceSink()
    with make_loop(session, Tee(sink, trace)) as loop:
        try:
            if done is not None:
                wish = replace(wish, done=partial(done, loop))
            execution = loop.execute(wish)
            loop.publish_closures(execution, closures)
        finally:
            trace.save(session.state, session.options.invocation)
    execution.remote = loop.remote_use()
    return execution


def _named(requested: Sequence[Requested]) -> list[str]:
    return [item.selected.text for item in requested]


def closures_of(session: Session, requested: Sequence[Requested]) -> dict[Digest, tuple[ActionId, ...]]:
    """The keys of what is requested, and the actions that make it: all that others must know of to have it.

    What stands in no workspace has no name that others could ask by.
    """
    if not session.loader.declared:
        return {}
    name = session.loader.workspace.name
    return {closure_key(name, item.selected.node, item.selected.group): item.actions() for item in requested}


def actions_of(analyses: Analyses) -> dict[ActionId, PlannedAction]:
    """Every action of some analyses, by id."""
    return {planned.info.id: planned for analysis in analyses.by_node.values() for planned in analysis.actions}


def _check_places(session: Session, requested: Sequence[Requested]) -> None:
    found = (places(item.selected.node, session.analyzer.target(item.selected.node.label).position, item.files) for item in requested)
    check_places(place for several in found for place in several)


def _target(session: Session, item: Requested, execution: Execution, analyses: Analyses, materialiser: Materialiser) -> TargetReport:
    node = item.selected.node
    sources = [execution.sources[action] for action in item.actions()]
    text = item.selected.text
    key = _key(item, execution)
    if any(source in (Source.FAILED, Source.SKIPPED) for source in sources):
        failed = Source.FAILED in sources
        return TargetReport(label=text, configuration=str(node.configuration), key=key, state="failed" if failed else "skipped")
    folder = f"{session.out}/{folder_of(node)}"
    state = "up_to_date" if all(source is Source.UP_TO_DATE for source in sources) else "built"
    outputs = materialiser.write(item.files, folder) if materialiser.can_write(item.files) else ()
    materialiser.forget_others(all_files(node, analyses), folder)
    return TargetReport(label=text, configuration=str(node.configuration), key=key, state=state, outputs=outputs)


def _key(item: Requested, execution: Execution) -> str:
    """The recipe key of the target: that of its action, or a digest over those of several."""
    recipes = [execution.graph.recipes[action].hash for action in item.actions()]
    return recipes[0] if len(recipes) == 1 else Digest.of("\n".join(recipes).encode()).hash


def _below(execution: Execution) -> set[str]:
    """Recipes that a hit made unnecessary to look at: they are as up to date as what was built from them."""
    return {execution.graph.recipes[action].hash for action, source in execution.sources.items() if source is Source.UP_TO_DATE}


def _name(planned: PlannedAction) -> str:
    return f"{planned.info.label} {planned.info.mnemonic}"
