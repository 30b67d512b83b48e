"""After the actions: has the bytes of remote results in the store as far as they are wanted, and makes them local results.

Does not know what a remote speaks, nor how outputs are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import ActionCache, RemoteCache


class Download(Enum):
    """Whose bytes a build has in the store at its end: of every action, of what was asked for, of nothing that was not needed to run."""

    ALL = "all"
    TOPLEVEL = "toplevel"
    NONE = "none"


def bring_results(
    remote: RemoteCache, cache: ActionCache, results: Mapping[Digest, ActionResult], keys: Mapping[Digest, Digest]
) -> frozenset[Digest]:
    """Bring all that some results (by recipe) name, and record those that are whole then; returns the recipes of the others.

    Args:
        remote: has the bytes.
        cache: takes the results.
        results: of remotes.
        keys: their action keys, by recipe.
    """
    lost = remote.bring(_files(results.values()), (item.root for result in results.values() for item in result.trees))
    broken = set()
    for recipe, result in results.items():
        if lost.isdisjoint(_files((result,))) and lost.isdisjoint(item.root for item in result.trees):
            cache.put(keys[recipe], result)
            cache.put_recipe(recipe, keys[recipe])
        else:
            broken.add(recipe)
    return frozenset(broken)


def _files(results: Iterable[ActionResult]) -> set[Digest]:
    found: set[Digest] = set()
    for result in results:
        found.update(item.digest for item in result.files)
        if result.log is not None:
            found.add(result.log)
    return found
