"""The graph of targets from outlines of packages, by label text: what a query over a hundred thousand targets walks.

Where an outline does not say what a target needs (a select, a dependency that is not everybody's), that target alone is analysed; where
anything is wrong, all of it is, so that errors and their positions are those of a build. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from lkbuild.base.errors import LkbuildError
from lkbuild.base.label import in_order, label_of
from lkbuild.graph.closure import Closure, Edge, is_acyclic
from lkbuild.loading.outline import Outline
from lkbuild.model.configuration import Configuration, NodeKey

_Needs: TypeAlias = dict[str, tuple[str, ...]]
#: Targets with those of their needs that are built for another configuration.
_Crossings: TypeAlias = list[tuple[str, tuple[str, ...]]]


class OutlinedGraph:
    """Targets by label text, in as many packages as were asked for."""

    def __init__(
        self,
        outline: Callable[[str], Outline],
        edges: Callable[[NodeKey], Sequence[Edge[NodeKey]]],
        close: Callable[[Iterable[NodeKey]], Closure[NodeKey]],
    ) -> None:
        """Make one.

        Args:
            outline: of a package.
            edges: analyses one target.
            close: analyses all that some targets need, and says what is wrong with any of it.
        """
        self._outline, self._edges, self._close = outline, edges, close
        #: The rule of each target known so far.
        self.rules: dict[str, str] = {}
        self._needs: dict[str, tuple[str, ...] | None] = {}
        self._tools: dict[str, tuple[str, ...]] = {}
        self._arches: dict[str, tuple[str, ...]] = {}
        self._closed: set[str] = set()
        self._packages: set[str] = set()

    def take(self, outline: Outline) -> list[str]:
        """Know a package; the labels of its targets."""
        labels = outline.labels()
        if outline.package not in self._packages:
            self._packages.add(outline.package)
            self.rules.update(zip(labels, outline.rules, strict=True))
            self._needs.update(zip(labels, outline.needs, strict=True))
            self._tools.update(zip(labels, outline.tools, strict=True))
            self._arches.update((f"//{outline.package}:{name}", arches) for name, arches in outline.arches.items())
            self._closed.update(f"//{outline.package}:{name}" for name in outline.closed)
        return labels

    def close(self, labels: Iterable[str], configurations: Iterable[Configuration]) -> Mapping[str, Sequence[str]]:
        """What some targets and all below them need, in every configuration for which they can be built.

        Raises LoadError and AnalysisError, as a build of them would.
        """
        labels = in_order(labels)
        for label in labels:
            if label not in self._needs:
                self.take(self._outline(label_of(label).package))
        roots = [(configuration, self._buildable(labels, configuration)) for configuration in configurations]
        found = self._below(roots)
        return self._as_built(roots) if found is None else found

    def _as_built(self, roots: Iterable[tuple[Configuration, list[str]]]) -> Mapping[str, Sequence[str]]:
        """The same by analysis, which knows what is wrong and where."""
        needs: dict[str, dict[str, None]] = {}
        closure = self._close(NodeKey(label_of(label), configuration) for configuration, labels in roots for label in labels)
        for node in closure.order:
            needs.setdefault(str(node.label), {}).update((str(edge.target.label), None) for edge in closure.edges[node])
        return {label: tuple(found) for label, found in needs.items()}

    def _buildable(self, labels: list[str], configuration: Configuration) -> list[str]:
        if not self._arches:
            return labels
        return [label for label in labels if configuration.arch in self._arches.get(label, (configuration.arch,))]

    def _below(self, roots: Iterable[tuple[Configuration, list[str]]]) -> _Needs | None:
        """The needs of all below the roots; None where something is wrong."""
        done: dict[Configuration, _Needs] = {}
        crossings: _Crossings = []
        pending = list(roots)
        while pending:
            configuration, labels = pending.pop()
            found = self._walk(labels, configuration, done.setdefault(configuration, {}))
            if found is None:
                return None
            crossings += found
            if found:
                pending.append((configuration.for_execution(), [tool for _, tools in found for tool in tools]))
        if not all(map(is_acyclic, done.values())):
            return None
        first, *others = done.values()
        for label, needs in itertools.chain(crossings, *(other.items() for other in others)):
            first[label] = tuple(dict.fromkeys((*first.get(label, ()), *needs)))
        return first

    def _walk(self, labels: list[str], configuration: Configuration, done: _Needs) -> _Crossings | None:
        """Add what some targets and all below them need in one configuration; returns who needs tools that are built for another.

        None where something is wrong.
        """
        at_home = configuration.for_execution() == configuration
        crossings: _Crossings = []
        stack = list(labels)
        while stack:
            label = stack.pop()
            if label in done:
                continue
            needs, tools = self._needs[label], self._tools[label]
            if needs is None or not (self._plain(label, needs) and self._plain(label, tools)):
                found = self._analysed(label, configuration)
                if found is None:
                    return None
                needs, tools = found
            if tools and at_home:
                needs = tuple(dict.fromkeys((*needs, *tools)))
            elif tools:
                crossings.append((label, tools))
            done[label] = needs
            stack += needs
        return crossings

    def _plain(self, label: str, needed: Iterable[str]) -> bool:
        """Whether all of these are there and may be needed by a target; its outline has looked at those of its own package."""
        for need in needed:
            if not self._known(need):
                return False
            if need in self._closed and need.partition(":")[0] != label.partition(":")[0]:
                return False
        return True

    def _known(self, label: str) -> bool:
        if label not in self._needs:
            try:
                self.take(self._outline(label_of(label).package))
            except LkbuildError:
                return False
        return label in self._needs

    def _analysed(self, label: str, configuration: Configuration) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """Labels of what a target needs in its configuration, and in that of tools; None where something is wrong."""
        try:
            edges = [edge.target for edge in self._edges(NodeKey(label_of(label), configuration))]
        except LkbuildError:
            return None
        needs = tuple(dict.fromkeys(str(node.label) for node in edges if node.configuration == configuration))
        tools = tuple(dict.fromkeys(str(node.label) for node in edges if node.configuration != configuration))
        return (needs, tools) if all(map(self._known, (*needs, *tools))) else None
