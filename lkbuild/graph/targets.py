"""The graph of targets by label: what queries walk and exports draw. networkx is its form.

Configurations are merged: a label that stands in the graph for two architectures is one vertex. Does not know rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import networkx as nx

from lkbuild.base.label import Label
from lkbuild.graph.closure import Closure
from lkbuild.model.configuration import NodeKey


@dataclass(frozen=True, slots=True)
class TargetGraph:
    """A directed graph of labels, each edge from a target to what it needs."""

    graph: nx.DiGraph[Label]

    @classmethod
    def of(cls, closure: Closure[NodeKey]) -> TargetGraph:
        """The graph of a closure."""
        graph: nx.DiGraph[Label] = nx.DiGraph()
        graph.add_nodes_from(node.label for node in closure.order)
        graph.add_edges_from((node.label, edge.target.label) for node in closure.order for edge in closure.edges[node])
        return cls(graph)

    def successors(self, label: Label) -> Iterator[Label]:
        """What a target needs directly."""
        return iter(self.graph.successors(label))

    def below(self, labels: Iterable[Label], depth: int | None = None) -> frozenset[Label]:
        """Some targets and all that they need, to a depth."""
        return self._reach(self.graph, labels, depth)

    def above(self, labels: Iterable[Label], depth: int | None = None) -> frozenset[Label]:
        """Some targets and all that need them."""
        return self._reach(self.graph.reverse(copy=False), labels, depth)

    def path(self, start: Iterable[Label], end: Iterable[Label]) -> tuple[Label, ...]:
        """A shortest path from one of some targets to one of others; empty where there is none."""
        goals = set(end)
        for source in sorted(start):
            if source not in self.graph:
                continue
            paths = nx.single_source_shortest_path(self.graph, source)
            found = sorted((len(paths[goal]), goal) for goal in goals if goal in paths)
            if found:
                return tuple(paths[found[0][1]])
        return ()

    def between(self, start: Iterable[Label], end: Iterable[Label]) -> frozenset[Label]:
        """Every target on any path from some to others."""
        return self.below(start) & self.above(end)

    def to_dot(self, labels: frozenset[Label]) -> Iterator[str]:
        """The part of the graph between some targets, in Graphviz's language."""
        yield "digraph lkbuild {"
        yield "  node [shape=box];"
        for label in sorted(labels):
            yield f'  "{label.short}";'
        for label in sorted(labels):
            for need in sorted(set(self.graph.successors(label)) & labels):
                yield f'  "{label.short}" -> "{need.short}";'
        yield "}"

    @staticmethod
    def _reach(graph: nx.DiGraph[Label], labels: Iterable[Label], depth: int | None) -> frozenset[Label]:
        seen = {label for label in labels if label in graph}
        frontier = set(seen)
        steps = 0
        while frontier and (depth is None or steps < depth):
            frontier = {need for label in frontier for need in graph.successors(label)} - seen
            seen |= frontier
            steps += 1
        return frozenset(seen)
