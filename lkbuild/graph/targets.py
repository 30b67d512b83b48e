"""The graph of targets by label: what queries walk and exports draw.

Plain dicts: to walk 100,000 targets once must cost less than a networkx graph of them, which `networkx` makes for who needs more than a
walk. Configurations are merged: a label that stands in the graph for two architectures is one vertex. Does not know rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lkbuild.base.label import Label, in_order
from lkbuild.graph.closure import Closure
from lkbuild.model.configuration import NodeKey

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class TargetGraph:
    """A directed graph of labels, each edge from a target to what it needs: every label is a key, its values in order and once."""

    needs: Mapping[Label, Collection[Label]]

    @classmethod
    def of(cls, closure: Closure[NodeKey]) -> TargetGraph:
        """The graph of a closure."""
        needs: dict[Label, dict[Label, None]] = {}
        for node in closure.order:
            needs.setdefault(node.label, {}).update((edge.target.label, None) for edge in closure.edges[node])
        return cls(needs)

    def networkx(self) -> nx.DiGraph[Label]:
        """The same for its algorithms."""
        import networkx as nx  # noqa: PLC0415 - 135 ms, and most queries walk only

        graph: nx.DiGraph[Label] = nx.DiGraph()
        graph.add_nodes_from(self.needs)
        graph.add_edges_from((label, need) for label, needs in self.needs.items() for need in needs)
        return graph

    def successors(self, label: Label) -> Iterator[Label]:
        """What a target needs directly."""
        return iter(self.needs[label])

    def below(self, labels: Iterable[Label], depth: int | None = None) -> frozenset[Label]:
        """Some targets and all that they need, to a depth."""
        return _reach(self.needs, labels, depth)

    def above(self, labels: Iterable[Label], depth: int | None = None) -> frozenset[Label]:
        """Some targets and all that need them."""
        needed_by: dict[Label, list[Label]] = {label: [] for label in self.needs}
        for label, needs in self.needs.items():
            for need in needs:
                needed_by[need].append(label)
        return _reach(needed_by, labels, depth)

    def path(self, start: Iterable[Label], end: Iterable[Label]) -> tuple[Label, ...]:
        """A shortest path from one of some targets to one of others; empty where there is none."""
        from networkx import single_source_shortest_path  # noqa: PLC0415 - as above

        goals, graph = set(end), self.networkx()
        for source in sorted(start):
            if source not in graph:
                continue
            paths = single_source_shortest_path(graph, source)
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
        for label in in_order(labels):
            yield f'  "{label.short}";'
        for label in in_order(labels):
            for need in in_order(need for need in self.needs[label] if need in labels):
                yield f'  "{label.short}" -> "{need.short}";'
        yield "}"


def _reach(edges: Mapping[Label, Collection[Label]], labels: Iterable[Label], depth: int | None) -> frozenset[Label]:
    seen = {label for label in labels if label in edges}
    frontier = set(seen)
    steps = 0
    while frontier and (depth is None or steps < depth):
        frontier = {need for label in frontier for need in edges[label]} - seen
        seen |= frontier
        steps += 1
    return frozenset(seen)
