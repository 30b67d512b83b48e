"""The graph of targets by label: what queries walk and exports draw.

Plain dicts of text, labels as `str` gives them: to walk 100,000 targets costs less than to make a graph of objects of them. Who needs
more than a walk gets one: `networkx` is the public face of the graph, for its algorithms and the programs that read its formats.
Configurations are merged: a label that stands in the graph for two architectures is one vertex. Does not know rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from lkbuild.base.label import in_order, short_text
from lkbuild.base.values import dataclass

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class TargetGraph:
    """A directed graph of labels, each edge from a target to what it needs: every label is a key, its values in order and once."""

    needs: Mapping[str, Collection[str]]

    def successors(self, label: str) -> Iterator[str]:
        """What a target needs directly."""
        return iter(self.needs[label])

    def below(self, labels: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Some targets and all that they need, to a depth."""
        return _reach(self.needs, labels, depth)

    def above(self, labels: Iterable[str], depth: int | None = None) -> frozenset[str]:
        """Some targets and all that need them."""
        needed_by: dict[str, list[str]] = {label: [] for label in self.needs}
        for label, needs in self.needs.items():
            for need in needs:
                needed_by[need].append(label)
        return _reach(needed_by, labels, depth)

    def path(self, start: Iterable[str], end: Iterable[str]) -> tuple[str, ...]:
        """A shortest path from one of some targets to one of others; empty where there is none. The same each time."""
        goals = frozenset(end)
        reached_from: dict[str, str | None] = {label: None for label in in_order(start) if label in self.needs}
        frontier = list(reached_from)
        for label in frontier:  # it grows meanwhile: nearer ones first
            if label in goals:
                return tuple(_back(label, reached_from))[::-1]
            for need in self.needs[label]:
                if need not in reached_from:
                    reached_from[need] = label
                    frontier.append(need)
        return ()

    def between(self, start: Iterable[str], end: Iterable[str]) -> frozenset[str]:
        """Every target on any path from some to others."""
        return self.below(start) & self.above(end)

    def networkx(self, labels: Iterable[str] | None = None) -> nx.DiGraph[str]:
        """The same, or its part between some targets, as networkx has graphs: labels as they are printed, in their order."""
        import networkx as nx  # noqa: PLC0415 - 135 ms, and most queries walk only

        among = frozenset(self.needs if labels is None else labels)
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(map(short_text, in_order(among)))
        for label in in_order(among):
            graph.add_edges_from((short_text(label), short_text(need)) for need in in_order(self.needs[label]) if need in among)
        return graph

    def to_graphml(self, labels: frozenset[str], rule: Callable[[str], str]) -> Iterator[str]:
        """The part of the graph between some targets, in GraphML: what networkx, Gephi, yEd and igraph read. Each has its `rule`."""
        from networkx import generate_graphml, set_node_attributes  # noqa: PLC0415 - as above

        graph = self.networkx(labels)
        set_node_attributes(graph, {short_text(label): rule(label) for label in labels}, "rule")
        yield from generate_graphml(graph)

    def to_dot(self, labels: frozenset[str]) -> Iterator[str]:
        """The part of the graph between some targets, in Graphviz's language."""
        yield "digraph lkbuild {"
        yield "  node [shape=box];"
        for label in in_order(labels):
            yield f'  "{short_text(label)}";'
        for label in in_order(labels):
            for need in in_order(need for need in self.needs[label] if need in labels):
                yield f'  "{short_text(label)}" -> "{short_text(need)}";'
        yield "}"


def _reach(edges: Mapping[str, Collection[str]], labels: Iterable[str], depth: int | None) -> frozenset[str]:
    seen = {label for label in labels if label in edges}
    frontier = set(seen)
    steps = 0
    while frontier and (depth is None or steps < depth):
        frontier = {need for label in frontier for need in edges[label]} - seen
        seen |= frontier
        steps += 1
    return frozenset(seen)


def _back(label: str | None, reached_from: Mapping[str, str | None]) -> Iterator[str]:
    while label is not None:
        yield label
        label = reached_from[label]
