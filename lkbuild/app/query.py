"""Use case: ask the graph. Expressions over patterns, answered as labels, JSON lines or dot. Builds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lkbuild.app.options import BuildOptions
from lkbuild.app.selection import parse_patterns
from lkbuild.app.session import Session, open_session
from lkbuild.base.label import Label, in_order
from lkbuild.graph.closure import Closure
from lkbuild.graph.expression import evaluate, parse
from lkbuild.graph.targets import TargetGraph
from lkbuild.model.configuration import NodeKey


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

            yield from (declarations if output == "build" else actions)(session, in_order(found))
        else:
            yield from _render(found, world, output)


class _World:
    """What an expression may ask of a workspace: patterns, kinds, and the graph of what it names."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._graphs: dict[frozenset[Label], TargetGraph] = {}

    def pattern(self, text: str) -> frozenset[Label]:
        """The labels that a pattern selects."""
        (parsed,) = parse_patterns(self._session, (text,))
        if parsed.label is not None:
            return frozenset({self._session.loader.resolve(parsed.label)[0]})
        return frozenset(self._session.loader.expand((parsed,)))

    def kind(self, label: Label) -> str:
        """The rule of a target."""
        return self._session.loader.target(label).rule

    def attribute(self, label: Label, name: str) -> str:
        """An attribute of a target as text, "" where it has none."""
        target = self._session.loader.target(label)
        return str(target.attrs.get(name) if name in target.attrs else getattr(target, name, ""))

    def graph(self, labels: frozenset[Label]) -> TargetGraph:
        """The graph of some targets and all that they need, in every configuration asked for."""
        if labels not in self._graphs:
            loader = self._session.loader
            nodes = [
                NodeKey(label, configuration)
                for configuration in self._session.configurations()
                for label in in_order(labels)
                if not loader.target(label).arches or configuration.arch in loader.target(label).arches
            ]
            closure: Closure[NodeKey] = self._session.analyzer.close(nodes)
            self._graphs[labels] = TargetGraph.of(closure)
        return self._graphs[labels]

    def position(self, label: Label) -> str:
        """Where a target is declared."""
        return str(self._session.loader.target(label).position)


def _render(found: frozenset[Label], world: _World, output: str) -> Iterator[str]:
    if output == "dot":
        yield from world.graph(found).to_dot(found)
        return
    for label in in_order(found):
        if output == "json":
            needs = sorted(item.short for item in world.graph(found).successors(label))
            yield json.dumps({"label": label.short, "rule": world.kind(label), "position": world.position(label), "deps": needs})
        elif output == "label_kind":
            yield f"{world.kind(label)} rule {label.short}"
        else:
            yield label.short
