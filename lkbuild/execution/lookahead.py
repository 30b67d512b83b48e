"""Which actions a build needs where others may have built them: the search of `lkbuild.execution.plan`, and remotes asked in batches.

What the local store does not know is asked for from the top, first one level, then two, four and so on: a target that somebody has built
costs one question, a deep change costs the logarithm of its depth, and few actions are asked about in vain. Where that would be many
questions at once, what was last built of the targets is read first, which answers them all. Does not run anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.execution.plan import ActionGraph, Demand, demand
from lkbuild.model.artifact import ActionId
from lkbuild.model.ports import ActionCache, CachedResult, RemoteCache

#: So few questions are asked one by one: a closure takes two, and its bytes.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Ahead:
    """A remote, and the keys of the closures that it may know of what is wanted."""

    remote: RemoteCache
    closures: tuple[Digest, ...] = ()


def demand_with_remote(
    graph: ActionGraph, wanted: Iterable[ActionId], cache: ActionCache, ahead: Ahead, *, forced: frozenset[Digest]
) -> Demand:
    """As `demand`; recipes that a remote knew are in `remote` of the answer."""
    by_recipe = {recipe: graph.actions[action].spec for action, recipe in graph.recipes.items()}
    private = {graph.recipes[action] for action in graph.private}
    view = _View(cache)
    tops = tuple(wanted)
    depth = 1
    closures = ahead.closures
    while True:
        view.levels.clear()
        found = demand(graph, tops, view, forced=forced)
        unknown = [
            [item for item in level if item not in view.asked and by_recipe[item].cacheable and item not in private]
            for level in view.levels
        ]
        batch = [recipe for level in [level for level in unknown if level][:depth] for recipe in level]
        if not batch:
            found.remote = view.remote.keys() & found.results.keys()
            return found
        if closures and len(batch) > _FEW:
            ahead.remote.foresee(closures)
            closures = ()
        view.asked.update(batch)
        view.remote.update(ahead.remote.find_recipes({recipe: by_recipe[recipe].outputs for recipe in batch}))
        depth *= 2


class _View:
    """What the local store and the answers of remotes know together; notes, level by level, what neither knows."""

    def __init__(self, cache: ActionCache) -> None:
        self._cache = cache
        self._local: dict[Digest, CachedResult | None] = {}
        self.remote: dict[Digest, CachedResult] = {}
        self.asked: set[Digest] = set()
        self.levels: list[list[Digest]] = []

    def get_recipes(self, recipes: Iterable[Digest]) -> dict[Digest, CachedResult]:
        wanted = list(recipes)
        fresh = [recipe for recipe in wanted if recipe not in self._local]
        self._local.update(dict.fromkeys(fresh))
        self._local.update(self._cache.get_recipes(fresh))
        known = {recipe: hit for recipe in wanted if (hit := self._local[recipe] or self.remote.get(recipe)) is not None}
        self.levels.append([recipe for recipe in wanted if recipe not in known])
        return known
