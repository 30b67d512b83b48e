"""The closure of what was asked for: every node that a build must look at, dependencies first.

Works on any hashable node; does not know what a target is. A cycle is an error that shows its path with the position of
each edge. Iterative, because a chain of 100,000 targets is deeper than Python's stack.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.values import dataclass

N = TypeVar("N", bound=Hashable)


class CycleError(AnalysisError):
    """Targets that depend on each other in a circle."""


@dataclass(frozen=True, slots=True)
class Edge(Generic[N]):
    """A dependency: the node that is needed, and where that is written."""

    target: N
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Closure(Generic[N]):
    """Nodes in an order in which each stands after all that it needs, and the edges of each."""

    order: tuple[N, ...]
    edges: Mapping[N, tuple[Edge[N], ...]]


def close(roots: Iterable[N], successors: Callable[[N], Sequence[Edge[N]]]) -> Closure[N]:
    """The closure of some nodes. `successors` is called once per node.

    Raises:
        CycleError: with the path, at the position of its first edge.
    """
    edges: dict[N, tuple[Edge[N], ...]] = {}
    order: list[N] = []
    for root in roots:
        if root not in edges:
            _visit(root, successors, edges, order)
    return Closure(tuple(order), edges)


def is_acyclic(edges: Mapping[N, Sequence[N]]) -> bool:
    """Whether no node of a graph, of which every node is a key, leads back to itself."""
    waiting = Counter(itertools.chain.from_iterable(edges.values()))
    free = [node for node in edges if node not in waiting]
    seen = len(free)
    while free:
        for node in edges[free.pop()]:
            waiting[node] -= 1
            if not waiting[node]:
                free.append(node)
                seen += 1
    return seen == len(edges)


def _visit(
    root: N,
    successors: Callable[[N], Sequence[Edge[N]]],
    edges: dict[N, tuple[Edge[N], ...]],
    order: list[N],
) -> None:
    # Those of `edges` that are not on the path are done.
    path: list[N] = []
    on_path: set[N] = set()
    # Two entries per node: entered (False) and left (True).
    stack: list[tuple[N, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            path.pop()
            on_path.discard(node)
            order.append(node)
            continue
        if node in edges:
            if node in on_path:
                raise _cycle(path, node, edges)
            continue
        found = edges[node] = tuple(successors(node))
        path.append(node)
        on_path.add(node)
        stack.append((node, True))
        for edge in reversed(found):
            if edge.target not in edges:
                stack.append((edge.target, False))
            elif edge.target in on_path:
                raise _cycle(path, edge.target, edges)


def _cycle(path: list[N], again: N, edges: Mapping[N, tuple[Edge[N], ...]]) -> CycleError:
    ring = [*path[path.index(again) :], again]
    lines = []
    first: Position | None = None
    for here, there in itertools.pairwise(ring):
        position = next((edge.position for edge in edges[here] if edge.target == there), None)
        first = first or position
        lines.append(f"  {here} -> {there}" + (f"  ({position})" if position else ""))
    return CycleError(
        f"{ring[0]} depends on itself",
        position=first,
        detail="\n".join(lines),
        hint="remove one of these dependencies",
    )
