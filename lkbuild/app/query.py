"""Use case: ask the graph. Expressions over patterns, answered as labels, JSON lines or dot. Builds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lkbuild.analysis.outlined import OutlinedGraph
from lkbuild.app.attribute_text import as_text
from lkbuild.app.options import BuildOptions
from lkbuild.app.selection import parse_patterns
from lkbuild.app.session import Session, open_session
from lkbuild.base.label import in_order, label_of, short_text
from lkbuild.graph.expression import evaluate, parse
from lkbuild.graph.targets import TargetGraph


def query(options: BuildOptions, expression: str, output: str) -> Iterator[str]:
    """The targets that an expression selects, one line each (dot: the lines of a graph; build: YAML; actions: those of the targets).

    Raises:
        UsageError: at the place where the expression is wrong.
    """
    parsed = parse(expression)
    with open_session(options) as session:
        world = _World(session)
        found = evaluate(parsed, world)
        if output in ("build", "actions"):
            from lkbuild.app.query_output import actions, declarations  # noqa: PLC0415 - forms that are seldom asked for

            labels = [label_of(label) for label in in_order(found)]
            yield from (declarations if output == "build" else actions)(session, labels)
        else:
            yield from _render(found, world, output)


class _World:
    """What an expression may ask of a workspace: patterns, kinds, attributes, and the graph of what it names."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loader, analyzer = session.loader, session.analyzer
        self._targets = OutlinedGraph(self._loader.outline, analyzer.edges, analyzer.close)
        self._graphs: dict[frozenset[str], TargetGraph] = {}
        self._values: dict[tuple[str, str], dict[str, str]] = {}

    def pattern(self, text: str) -> frozenset[str]:
        """The labels that a pattern selects."""
        (parsed,) = parse_patterns(self._session, (text,))
        if parsed.label is not None:
            found = self._loader.resolve(parsed.label)[0]
            self._targets.take(self._loader.outline(found.package))
            return frozenset({str(found)})
        labels: set[str] = set()
        for outline in self._loader.outlines(parsed):
            labels.update(self._targets.take(outline))
            labels.difference_update(f"//{outline.package}:{name}" for name in outline.manual)
        return frozenset(labels)

    def kind(self, label: str) -> str:
        """The rule of a target."""
        return self._targets.rules[label]

    def attribute(self, label: str, name: str) -> str:
        """An attribute of a target as text, "" where it has none."""
        package, _, target = label[2:].partition(":")
        if (package, name) not in self._values:
            names = self._loader.outline(package).names
            self._values[package, name] = dict(zip(names, map(as_text, self._loader.values(package, name)), strict=True))
        return self._values[package, name][target]

    def graph(self, labels: frozenset[str]) -> TargetGraph:
        """The graph of some targets and all that they need, in every configuration asked for."""
        if labels not in self._graphs:
            self._graphs[labels] = TargetGraph(self._targets.close(labels, self._session.configurations()))
        return self._graphs[labels]

    def position(self, label: str) -> str:
        """Where a target is declared."""
        return str(self._loader.target(label_of(label)).position)


def _render(found: frozenset[str], world: _World, output: str) -> Iterator[str]:
    if output == "dot":
        yield from world.graph(found).to_dot(found)
        return
    if output == "graphml":
        yield from world.graph(found).to_graphml(found, world.kind)
        return
    for label in in_order(found):
        if output == "json":
            needs = sorted(map(short_text, world.graph(found).successors(label)))
            yield json.dumps({"label": short_text(label), "rule": world.kind(label), "position": world.position(label), "deps": needs})
        elif output == "label_kind":
            yield f"{world.kind(label)} rule {short_text(label)}"
        else:
            yield short_text(label)
