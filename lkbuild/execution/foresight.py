"""Tells the store which long list of blobs is to come, while its last parts are still being made. Knows no other action than `concat`.

An edit of one layer changes one part of an image: the others are read and hashed on the processor that packing the new one leaves idle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.execution.plan import ActionGraph, Demand
from lkbuild.execution.runner import leaf_of
from lkbuild.model.action import ActionResult, ActionSpec
from lkbuild.model.artifact import Artifact, Output
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import File, Subtree

#: Bytes below which reading ahead is not worth a thread.
_LARGE: Final = 16 << 20


def foresee(graph: ActionGraph, plan: Demand, blobs: BlobStore) -> None:
    """Have the first parts of the longest list read that must be put and can't be yet; others are read when their turn comes."""
    lists = (_first_parts(graph.actions[action].spec, lambda output: plan.results.get(graph.recipe_of(output))) for action in plan.needed)
    parts = max(lists, key=_size, default=())
    if _size(parts) >= _LARGE:
        blobs.expect_parts(parts)


def _first_parts(spec: ActionSpec, result_of: Callable[[Output], ActionResult | None]) -> Sequence[Digest]:
    """What is known of a list from its beginning on; nothing where all of it is known, since it is put at once then."""
    if spec.builtin != "concat":
        return ()
    known: list[Digest] = []
    for item in spec.inputs:
        leaf = _leaf(item.artifact, result_of)
        if not isinstance(leaf, File):
            return tuple(dict.fromkeys(known)) if "unique" in spec.arguments else tuple(known)
        known.append(leaf.digest)
    return ()


def _leaf(artifact: Artifact, result_of: Callable[[Output], ActionResult | None]) -> File | Subtree | None:
    if not isinstance(artifact, Output) or (result := result_of(artifact)) is None:
        return None
    return leaf_of(result, artifact.path)


def _size(parts: Sequence[Digest]) -> int:
    return sum(part.size for part in parts)
