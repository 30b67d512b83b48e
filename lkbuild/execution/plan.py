"""Which actions a build needs: the closure of what was asked for, cut where a recipe is already known.

Recipe keys are computed for the whole closure, bottom up; results are then looked up top down, level by level, one query each, so
that a known target ends the search at once. Does not run anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Protocol

from lkbuild.base.checkpoint import Checkpoint, onward
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.graph.closure import Edge, close
from lkbuild.keys.manifest import plain, recipe_key
from lkbuild.model.action import ActionResult, ActionSpec, PlannedAction
from lkbuild.model.artifact import ActionId, Artifact, Output, SourceFile
from lkbuild.model.ports import CachedResult


@dataclass(frozen=True, slots=True)
class ActionGraph:
    """Actions in an order in which each stands after those it takes inputs from.

    Attributes:
        actions: all of the closure, by id.
        order: their order.
        recipes: recipe key of each.
        producers: for each, the actions that make its inputs.
        private: those that can't be built a second time as they are, and all that is made of them: nobody else is told.
    """

    actions: Mapping[ActionId, PlannedAction]
    order: tuple[ActionId, ...]
    recipes: Mapping[ActionId, Digest]
    producers: Mapping[ActionId, tuple[ActionId, ...]]
    private: frozenset[ActionId] = frozenset()

    def recipe_of(self, output: Output) -> Digest:
        """The recipe of the action that makes an output."""
        return self.recipes[output.action]

    def below(self, wanted: Iterable[ActionId]) -> set[ActionId]:
        """Some actions and all that make what they take in."""
        found: set[ActionId] = set()
        todo = list(wanted)
        while todo:
            action = todo.pop()
            if action not in found:
                found.add(action)
                todo.extend(self.producers[action])
        return found

    def shareable(self, actions: Iterable[ActionId]) -> tuple[Digest, ...]:
        """The recipes of those that may be cached, each once."""
        return tuple(dict.fromkeys(self.recipes[action] for action in actions if self.actions[action].spec.cacheable))


@dataclass(slots=True)
class Demand:
    """What is known and what must be done.

    Attributes:
        results: results by recipe key, known already.
        keys: action key of each known result, by recipe key.
        needed: actions that must run (or be looked up by action key), in order; one per recipe.
        remote: the recipes among the results that only a remote knew.
    """

    results: dict[Digest, ActionResult] = field(default_factory=dict)
    keys: dict[Digest, Digest] = field(default_factory=dict)
    needed: list[ActionId] = field(default_factory=list)
    remote: set[Digest] = field(default_factory=set)


class RecipeCache(Protocol):
    """Of an ActionCache, what a search needs."""

    def get_recipes(self, recipes: Iterable[Digest]) -> dict[Digest, CachedResult]:
        """Results by recipe key: one query for many."""
        ...


def artifacts_of(spec: ActionSpec) -> Iterable[Artifact]:
    """Everything that an action takes in."""
    yield from (item.artifact for item in spec.inputs)
    if spec.root is not None:
        yield spec.root


def build_graph(
    wanted: Iterable[ActionId],
    actions: Mapping[ActionId, PlannedAction],
    source: Callable[[SourceFile], Digest],
    executable: Callable[[SourceFile], bool] = plain,
    checkpoint: Checkpoint = onward,
) -> ActionGraph:
    """The graph below some actions, with recipe keys, a checkpoint before each. Reads source files through `source` and `executable`."""
    producers: dict[ActionId, tuple[ActionId, ...]] = {}

    def successors(action: ActionId) -> tuple[Edge[ActionId], ...]:
        needs = dict.fromkeys(part.action for part in artifacts_of(actions[action].spec) if isinstance(part, Output))
        producers[action] = tuple(needs)
        return tuple(Edge(need) for need in needs)

    closure = close(wanted, successors)
    recipes: dict[ActionId, Digest] = {}
    private: set[ActionId] = set()
    for action in closure.order:
        checkpoint()
        spec = actions[action].spec
        if not actions[action].info.reproducible or (private and not private.isdisjoint(producers[action])):
            private.add(action)
        recipes[action] = recipe_key(spec, source=source, recipe=lambda output: recipes[output.action], executable=executable)
    return ActionGraph(actions, closure.order, recipes, producers, frozenset(private))


def demand(graph: ActionGraph, wanted: Iterable[ActionId], cache: RecipeCache, *, forced: frozenset[Digest] = frozenset()) -> Demand:
    """Search top down for known results; what is not known is needed, and so is what it needs.

    Args:
        graph: of the closure.
        wanted: the actions whose outputs were asked for.
        cache: knows results by recipe.
        forced: recipes that must run whatever the cache says (rewinding, `--check`).
    """
    found = Demand()
    needed: set[Digest] = set()
    frontier = list(dict.fromkeys(wanted))
    while frontier:
        asked = {graph.recipes[action]: action for action in frontier}
        known = cache.get_recipes(recipe for recipe in asked if recipe not in forced)
        following: dict[ActionId, None] = {}
        for recipe, action in asked.items():
            hit = known.get(recipe)
            if hit is not None:
                found.results[recipe], found.keys[recipe] = hit.result, hit.key
            elif recipe not in needed:
                needed.add(recipe)
                following.update(dict.fromkeys(graph.producers[action]))
        frontier = [action for action in following if graph.recipes[action] not in found.results and graph.recipes[action] not in needed]
    seen: set[Digest] = set()
    for action in graph.order:
        recipe = graph.recipes[action]
        if recipe in needed and recipe not in seen:
            seen.add(recipe)
            found.needed.append(action)
    return found
