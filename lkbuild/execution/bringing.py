"""Has the bytes of remote results in the store: an action's inputs before it runs here, and at the end as far as they are wanted.

Does not know what a remote speaks, nor how outputs are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import ActionCache, RemoteCache
from lkbuild.model.tree import File, Layout, Subtree


class Download(Enum):
    """Whose bytes a build has in the store at its end: of every action, of what was asked for, of nothing that was not needed to run."""

    ALL = "all"
    TOPLEVEL = "toplevel"
    NONE = "none"


def bring_inputs(remote: RemoteCache | None, layout: Layout, root: Digest | None) -> None:
    """Have what only a remote has, all at once: what it has lost is found missing when it is read."""
    if remote is not None:
        leaves = layout.entries.values()
        trees = [leaf.root for leaf in leaves if isinstance(leaf, Subtree)]
        remote.bring((leaf.digest for leaf in leaves if isinstance(leaf, File)), trees if root is None else [*trees, root])


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
