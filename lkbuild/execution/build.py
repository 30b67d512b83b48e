"""Brings about the outputs that were asked for: plan, schedule, and plan again where the store has lost something.

The one loop of a build. Does not know targets: it gets actions, and tells of events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from lkbuild.base.checkpoint import checkpoint
from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed, LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.execution.bringing import Download, bring_results
from lkbuild.execution.foresight import foresee
from lkbuild.execution.lookahead import Ahead, demand_with_remote
from lkbuild.execution.plan import ActionGraph, Demand, build_graph, demand
from lkbuild.execution.runner import ActionRunner, RunnerParts, leaf_of, timing_name
from lkbuild.execution.scheduler import Job, Machine, Outcome, Scheduler, State
from lkbuild.model.action import ActionResult, EncodedAction, OutputTree, PlannedAction, Resources, Source
from lkbuild.model.artifact import ActionId, Output
from lkbuild.model.events import ActionFinished
from lkbuild.model.ports import BlobMissing, Closure, Publication, RemoteUse
from lkbuild.model.tree import File, Subtree

#: How often a build plans again because the store lost blobs, before it says so. Each round runs what made them.
_REWINDS: Final = 5
#: The round after which remotes are not believed any more: what is left of the rounds is for the local store.
_PATIENCE: Final = 1


@dataclass(slots=True)
class Execution:
    """What came of a set of actions.

    Attributes:
        graph: the actions, with recipe keys.
        results: by recipe key; what is missing failed or was not reached.
        sources: the class of each action of the closure that was looked at.
        errors: of failed actions.
        executed: actions that ran, in order of completion.
        keys: action key of each recipe that was looked up or ran.
        saved_seconds: recorded times of what did not have to run.
        remote: what went over the wire.
    """

    graph: ActionGraph
    results: dict[Digest, ActionResult] = field(default_factory=dict)
    sources: dict[ActionId, Source] = field(default_factory=dict)
    errors: dict[ActionId, LkbuildError] = field(default_factory=dict)
    executed: list[ActionId] = field(default_factory=list)
    keys: dict[Digest, Digest] = field(default_factory=dict)
    saved_seconds: float = 0.0
    remote: RemoteUse = field(default_factory=RemoteUse)

    def result_of(self, output: Output) -> ActionResult | None:
        """The result that holds an output, or None where it failed."""
        return self.results.get(self.graph.recipe_of(output))

    def leaf_of(self, output: Output) -> File | Subtree | None:
        """An output as a leaf of a layout, or None where it was not made."""
        result = self.result_of(output)
        return None if result is None else leaf_of(result, output.path)

    def fetched_bytes(self) -> int:
        """How many bytes came from outside."""
        fetched = (action for action in self.executed if self.graph.actions[action].info.sources)
        results = (self.results.get(self.graph.recipes[action]) for action in fetched)
        return sum(item.digest.size for result in results if result is not None for item in result.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of an execution.

    Attributes:
        wanted: actions whose outputs are wanted.
        actions: every action of the closure, by id.
        recent: recipe keys of the last build in this workspace: hits among them are up to date rather than found.
        forced: actions that run whatever the cache says.
        slots, cpus, memory_mib, keep_going: for the scheduler.
        away: how many commands at once run on an engine; 0: they run here.
        reason: tells why an action runs, for events; None: nobody wants to know.
        download: which bytes of remote results are to be in the store at the end.
        closures: keys of the closures that remotes may know of it.
        done: is told of each action that has a result now and had none before, in the thread that got it.
    """

    wanted: tuple[ActionId, ...]
    actions: Mapping[ActionId, PlannedAction]
    recent: frozenset[str] = frozenset()
    forced: frozenset[ActionId] = frozenset()
    slots: int = 2
    cpus: int = 2
    memory_mib: int | None = None
    away: int = 0
    keep_going: bool = False
    reason: Callable[[ActionGraph, ActionId], str] | None = None
    download: Download = Download.TOPLEVEL
    closures: tuple[Digest, ...] = ()
    done: Callable[[ActionId, Execution], None] | None = None


class BuildLoop:
    """One execution, with the runner's parts."""

    def __init__(self, parts: RunnerParts) -> None:
        """Make one."""
        self._parts = parts
        self._runner = ActionRunner(parts)
        self._checkpoint = checkpoint(parts.cancelled)
        self._guard = threading.Lock()

    def plan(self, wish: Wish) -> tuple[ActionGraph, Demand]:
        """What would be looked up by action key or run, without doing it: early cut-off may spare some of it."""
        graph = self.graph(wish)
        return graph, self._demand(graph, wish, frozenset())

    def execute(self, wish: Wish) -> Execution:
        """Do it. Failures of actions are in the answer; raises Interrupted after an orderly stop."""
        graph = self.graph(wish)
        execution = Execution(graph)
        forced = frozenset(graph.recipes[action] for action in wish.forced)
        for attempt in range(_REWINDS):
            plan = self._demand(graph, wish, forced - execution.results.keys())
            self._take_hits(plan, execution, wish)
            outcome = self._run(plan, execution, wish, forced)
            self._checkpoint()
            lost = self._producers_of_lost(outcome, execution) | self._bring(wish, execution)
            if not lost:
                break
            forced |= lost
            if attempt == _PATIENCE:
                self._distrust(execution)
        execution.errors.update(outcome.errors)
        self._classify(outcome, execution)
        return execution

    def _demand(self, graph: ActionGraph, wish: Wish, forced: frozenset[Digest]) -> Demand:
        parts = self._parts
        if parts.remote is None:
            return demand(graph, wish.wanted, parts.actions, forced=forced)
        return demand_with_remote(graph, wish.wanted, parts.actions, Ahead(parts.remote, wish.closures), forced=forced)

    def _bring(self, wish: Wish, execution: Execution) -> frozenset[Digest]:
        """Have the bytes that are wanted; recipes of what remotes have lost, whose actions run then."""
        if self._parts.remote is None or wish.download is Download.NONE:
            return frozenset()
        wanted = wish.wanted if wish.download is Download.TOPLEVEL else execution.graph.order
        recipes = {execution.graph.recipes[action] for action in wanted if execution.sources.get(action) is Source.REMOTE_HIT}
        results = {recipe: execution.results[recipe] for recipe in recipes if recipe in execution.results}
        lost = bring_results(self._parts.remote, self._parts.actions, results, execution.keys)
        for recipe in lost:
            execution.results.pop(recipe)
        return lost

    def _distrust(self, execution: Execution) -> None:
        """Remotes lose what they have promised, round after round: go on with what is here."""
        if self._parts.remote is None:
            return
        self._parts.remote.distrust()
        for action, source in list(execution.sources.items()):
            recipe = execution.graph.recipes[action]
            if source is Source.REMOTE_HIT and self._parts.actions.get(execution.keys[recipe]) is None:
                execution.results.pop(recipe, None)
                del execution.sources[action]

    def publish_closures(self, execution: Execution, closures: Mapping[Digest, Sequence[ActionId]]) -> None:
        """Tell remotes what targets need, of which something ran: by their closures' keys, the actions that make them."""
        if self._parts.remote is None:
            return
        ran = set(execution.executed)
        for key, wanted in closures.items():
            below = execution.graph.below(wanted)
            if not ran.isdisjoint(below):
                self._parts.remote.publish_closure(Closure(key, execution.graph.shareable(below)))

    def publications(self, execution: Execution) -> Iterator[Publication]:
        """What it takes to share all that an execution knows, with all that an action's name at a server depends on in the store.

        Raises:
            BuildFailed: a source has changed since.
            BlobMissing: the store has lost an input.
        """
        graph = execution.graph
        for recipe, action in {graph.recipes[action]: action for action in graph.order}.items():
            planned, result = graph.actions[action], execution.results.get(recipe)
            inputs = [execution.results.get(graph.recipes[producer]) for producer in graph.producers[action]]
            if result is not None and None not in inputs and planned.spec.cacheable:
                encoded = self._runner.encode(planned, lambda output: execution.results[graph.recipe_of(output)])
                yield _publication(planned, recipe, encoded, result)

    def new_file(self, path: str) -> int:
        """As `lkbuild.base.atomic.new_file`, of what actions have left where that is cheaper."""
        return self._parts.scratch.new_file(path)

    def remote_use(self) -> RemoteUse:
        """What went over the wire to remotes, so far."""
        return RemoteUse() if self._parts.remote is None else self._parts.remote.use()

    def graph(self, wish: Wish) -> ActionGraph:
        """The actions below what is wanted. Reads the sources."""
        file = self._parts.sources.file
        return build_graph(
            wish.wanted, wish.actions, lambda source: file(source).digest, lambda source: file(source).executable, self._checkpoint
        )

    def _take_hits(self, plan: Demand, execution: Execution, wish: Wish) -> None:
        execution.results.update(plan.results)
        execution.keys.update({recipe: plan.keys[recipe] for recipe in plan.remote})
        count = {Source.UP_TO_DATE: 0, Source.LOCAL_HIT: 0, Source.REMOTE_HIT: 0}
        counted: set[Digest] = set()
        for action in execution.graph.order:
            recipe = execution.graph.recipes[action]
            if recipe not in plan.results or action in execution.sources:
                continue
            source = Source.UP_TO_DATE if recipe.hash in wish.recent else Source.LOCAL_HIT
            if recipe in plan.remote:
                source = Source.REMOTE_HIT
            execution.sources[action] = source
            if recipe not in counted:  # one run would have served all actions of this recipe
                counted.add(recipe)
                execution.saved_seconds += plan.results[recipe].seconds
            count[source] += 1
        for source, number in count.items():
            if number:
                self._parts.sink.emit(ActionFinished(info=None, source=source, count=number))

    def _run(self, plan: Demand, execution: Execution, wish: Wish, forced: frozenset[Digest]) -> Outcome[ActionId]:
        graph = execution.graph
        by_recipe = {graph.recipes[action]: action for action in plan.needed}

        def needs(action: ActionId) -> tuple[ActionId, ...]:
            found = (by_recipe.get(graph.recipes[producer]) for producer in graph.producers[action])
            return tuple(dict.fromkeys(item for item in found if item is not None))

        names = {action: timing_name(graph.actions[action].info) for action in plan.needed}
        took = self._parts.actions.seconds(names.values())
        jobs = [
            Job(
                id=action,
                needs=needs(action),
                # What it took the last time, else what its rule thinks.
                seconds=took.get(names[action]) or graph.actions[action].info.resources.seconds,
                resources=self._resources(graph.actions[action], wish),
            )
            for action in plan.needed
        ]
        foresee(graph, plan, self._parts.blobs)
        machine = Machine(slots=wish.slots, cpus=wish.cpus, memory_mib=wish.memory_mib, away=wish.away)
        scheduler = Scheduler(jobs, lambda action: self._one(action, execution, wish, forced, took.get(names[action])), machine)
        return scheduler.execute(keep_going=wish.keep_going, cancelled=self._parts.cancelled)

    @staticmethod
    def _resources(planned: PlannedAction, wish: Wish) -> Resources:
        """What it takes of this machine: nothing, where it is a command and an engine runs those."""
        return Resources(away=True) if wish.away and planned.spec.builtin is None else planned.info.resources

    @staticmethod
    def _reason(action: ActionId, execution: Execution, wish: Wish, forced: frozenset[Digest]) -> str | None:
        if wish.reason is None:
            return None
        if action in wish.forced:
            return "forced"
        if execution.graph.recipes[action] in forced:
            return "its outputs were lost"
        return wish.reason(execution.graph, action)

    def _one(self, action: ActionId, execution: Execution, wish: Wish, forced: frozenset[Digest], seconds: float | None) -> None:
        planned = execution.graph.actions[action]
        recipe = execution.graph.recipes[action]

        def made(output: Output) -> ActionResult:
            found = execution.result_of(output)
            if found is None:
                raise BuildFailed(f"{output.action} has not run")
            return found

        try:
            answer = self._runner.run(planned, made, seconds=seconds, forced=recipe in forced, private=action in execution.graph.private)
        except LkbuildError as error:
            if not isinstance(error, BlobMissing):
                reason = self._reason(action, execution, wish, forced)
                source = Source.SKIPPED if self._parts.cancelled() else Source.FAILED  # what was stopped is nobody's fault
                self._parts.sink.emit(ActionFinished(info=planned.info, source=source, reason=reason))
            raise
        if planned.spec.cacheable:
            self._parts.actions.put_recipe(recipe, answer.key)
            if self._parts.remote is not None and action not in wish.forced and action not in execution.graph.private:
                self._parts.remote.publish(_publication(planned, recipe, answer.action, answer.result))
        with self._guard:
            execution.results[recipe] = answer.result
            execution.keys[recipe] = answer.key
            execution.sources[action] = answer.source
            if answer.source is Source.EXECUTED:
                execution.executed.append(action)
            else:
                execution.saved_seconds += answer.result.seconds
        if wish.done is not None:
            wish.done(action, execution)
        reason = self._reason(action, execution, wish, forced) if answer.source is Source.EXECUTED else None
        self._parts.sink.emit(ActionFinished(info=planned.info, source=answer.source, seconds=answer.result.seconds, reason=reason))

    def _producers_of_lost(self, outcome: Outcome[ActionId], execution: Execution) -> frozenset[Digest]:
        """Recipes of the actions that made what the store has lost: they run again."""
        lost: set[Digest] = set()
        for action, error in list(outcome.errors.items()):
            if not isinstance(error, BlobMissing):
                continue
            producers = execution.graph.producers[action]
            guilty = [p for p in producers if self._holds(execution.results.get(execution.graph.recipes[p]), error.digest)]
            # A blob inside of a tree is not named by any result: then every tree among the inputs is made again.
            lost.update(execution.graph.recipes[p] for p in guilty or self._trees(producers, execution))
            if lost:
                del outcome.errors[action]
        for recipe in lost:
            execution.results.pop(recipe, None)
        return frozenset(lost)

    @staticmethod
    def _holds(result: ActionResult | None, digest: Digest) -> bool:
        return result is not None and (
            any(item.digest == digest for item in result.files) or any(item.root == digest for item in result.trees)
        )

    @staticmethod
    def _trees(producers: Sequence[ActionId], execution: Execution) -> Iterable[ActionId]:
        for producer in producers:
            result = execution.results.get(execution.graph.recipes[producer])
            if result is not None and any(isinstance(item, OutputTree) for item in result.trees):
                yield producer

    @staticmethod
    def _classify(outcome: Outcome[ActionId], execution: Execution) -> None:
        """Give every action of the closure its class: those below a hit were not needed, so they are up to date."""
        by_recipe: dict[Digest, Source] = {}
        for action, state in outcome.states.items():
            recipe = execution.graph.recipes[action]
            if state is State.FAILED:
                by_recipe[recipe] = execution.sources[action] = Source.FAILED
            elif state is State.SKIPPED:
                by_recipe[recipe] = execution.sources[action] = Source.SKIPPED
        for action in execution.graph.order:
            recipe = execution.graph.recipes[action]
            execution.sources.setdefault(action, by_recipe.get(recipe, Source.UP_TO_DATE))


def _publication(planned: PlannedAction, recipe: Digest, action: EncodedAction, result: ActionResult) -> Publication:
    return Publication(recipe=recipe, action=action, result=result, label=f"{planned.info.label} {planned.info.mnemonic}")
