"""Turns requested targets into analyses: closure, checks of each edge, then each rule's function, dependencies first.

Pure: it is given functions that find targets and rules. Does not know where they come from, nor how actions run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lkbuild.analysis.aside import ASIDE
from lkbuild.analysis.raised import raised_at
from lkbuild.base.checkpoint import Checkpoint, onward
from lkbuild.base.errors import AnalysisError, LkbuildError, LoadError, Position
from lkbuild.base.label import Label
from lkbuild.base.values import dataclass
from lkbuild.graph.closure import Closure, Edge, close
from lkbuild.loading.dependencies import Dependency, dependencies
from lkbuild.loading.select import resolve_target
from lkbuild.loading.several import Gathering
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.configuration import Configuration, NodeKey
from lkbuild.model.providers import Files
from lkbuild.model.rule import NO_WAY_OUT, Analysis, Rule, RuleContext, Shared, leads_out
from lkbuild.model.target import Target


@dataclass(frozen=True, slots=True)
class Analyses:
    """The closure of what was asked for, each node analysed."""

    closure: Closure[NodeKey]
    by_node: Mapping[NodeKey, Analysis]


class Analyzer:
    """Analyses targets of one workspace."""

    def __init__(
        self,
        *,
        target: Callable[[Label, Position | None], Target],
        rule: Callable[[str], Rule | None],
        tool: Callable[[str, str], bytes],
    ) -> None:
        """Make one.

        Args:
            target: finds a target, given the position that refers to it.
            rule: finds a rule by name.
            tool: reads a file of a rule's `tools/` folder, by the names of both.
        """
        self._target = target
        self._rule = rule
        self._tool = tool
        self._resolved: dict[NodeKey, Target] = {}
        self._shared: dict[str, Shared] = {}

    def analyze(self, nodes: Iterable[NodeKey], checkpoint: Checkpoint = onward) -> Analyses:
        """Analyse some nodes and all that they need, with a checkpoint before each.

        Raises LoadError and AnalysisError: of all targets that are wrong, but for those that need a wrong one; a rule's bug at once.
        """
        closure = self.close(nodes, checkpoint)
        by_node: dict[NodeKey, Analysis] = {}
        wrong = Gathering()
        with ASIDE:
            for node in closure.order:
                checkpoint()
                if wrong and not all(edge.target in by_node for edge in closure.edges[node]):
                    continue
                try:
                    by_node[node] = self._evaluate(node, by_node)
                except (LoadError, AnalysisError) as error:
                    wrong.add(error)
                    if not isinstance(error.__cause__, LkbuildError | None):  # all that have this rule would say the same
                        break
        wrong.tell()
        return Analyses(closure, by_node)

    def close(self, nodes: Iterable[NodeKey], checkpoint: Checkpoint = onward) -> Closure[NodeKey]:
        """The closure alone: what queries need."""
        wrong = Gathering()

        def successors(node: NodeKey) -> tuple[Edge[NodeKey], ...]:
            checkpoint()
            try:
                return self._edges(node)
            except (LoadError, AnalysisError) as error:
                wrong.add(error)
                return ()

        with ASIDE:
            closure = close(nodes, successors)
        wrong.tell()
        return closure

    def target(self, label: Label) -> Target:
        """A target of the closure."""
        return self._target(label, None)

    def rule_of(self, target: Target) -> Rule:
        """The rule of a target. The loader has checked that it exists."""
        rule = self._rule(target.rule)
        if rule is None:
            raise AnalysisError(f"unknown rule '{target.rule}'", position=target.at("rule"), label=str(target.label))
        return rule

    def edges(self, node: NodeKey) -> tuple[Edge[NodeKey], ...]:
        """What a node needs directly. Raises LoadError and AnalysisError for what it may not need."""
        with ASIDE:
            return self._edges(node)

    def _edges(self, node: NodeKey) -> tuple[Edge[NodeKey], ...]:
        declared = self._target(node.label, None)
        rule = self.rule_of(declared)
        _check_arch(declared, node.configuration)
        target = self._resolved[node] = resolve_target(declared, node.configuration)
        edges = []
        wrong = Gathering()
        for needed, there, position in self._needs(target, rule, node.configuration):
            try:
                _check_edge(target, rule, needed, position, there.configuration)
            except AnalysisError as error:
                wrong.add(error)
            edges.append(Edge(there, position))
        wrong.tell()
        return tuple(edges)

    def incompatible(self, nodes: Iterable[NodeKey], checkpoint: Checkpoint = onward) -> dict[NodeKey, Target]:
        """Of some nodes and all that they need, those that can't be built for their architecture, each with the target that is to blame.

        Raises LoadError, and AnalysisError for a cycle.
        """
        found: dict[NodeKey, Target] = {}

        def successors(node: NodeKey) -> tuple[Edge[NodeKey], ...]:
            checkpoint()
            declared = self._target(node.label, None)
            if not _is_for(declared, node.configuration):
                found[node] = declared
                return ()
            target = resolve_target(declared, node.configuration)
            return tuple(Edge(there, position) for _, there, position in self._needs(target, self.rule_of(target), node.configuration))

        with ASIDE:
            closure = close(nodes, successors)
        for node in closure.order:
            for edge in closure.edges[node]:
                if edge.target in found:
                    found.setdefault(node, found[edge.target])
        return found

    def _needs(self, target: Target, rule: Rule, configuration: Configuration) -> Iterator[tuple[Target, NodeKey, Position]]:
        """The targets that one needs, whether or not it may, and where that is written.

        Raises LoadError of all that are not there, after the others.
        """
        wrong = Gathering()
        for dependency in dependencies(rule, target.attrs, target, configuration):
            position = dependency.position or target.at(*dependency.path)
            there = configuration.for_execution() if dependency.execution else configuration
            try:
                needed = self._needed(target, dependency, position)
            except LoadError as error:
                wrong.add(error)
            else:
                yield needed, NodeKey(dependency.label, there), position
        wrong.tell()

    def _needed(self, target: Target, dependency: Dependency, position: Position) -> Target:
        """The target that one depends on. Of one that is not there, and that nobody wrote, it says where it comes from."""
        try:
            return self._target(dependency.label, position)
        except LoadError as error:
            written = dependency.position or not dependency.path or any(path[:1] == dependency.path[:1] for path in target.positions)
            if written or error.position != position:
                raise
            what = f"rule {target.rule} needs {dependency.label} here, the default of '{dependency.path[0]}': {error.message}"
            hint = f"write {dependency.path[0]}: yourself, or copy that package from lkbuild's repository, with the packages that it names"
            raise LoadError(what, position=position, hint=hint, label=str(target.label)) from error

    def _evaluate(self, node: NodeKey, done: Mapping[NodeKey, Analysis]) -> Analysis:
        target = self._resolved[node]
        rule = self.rule_of(target)

        def dependency(label: Label, execution: bool) -> Analysis:  # noqa: FBT001 - the context calls it positionally
            configuration = node.configuration.for_execution() if execution else node.configuration
            found = done.get(NodeKey(label, configuration))
            if found is None:
                msg = f"rule '{rule.name}' asked for {label}, which is in none of its attributes"
                raise AnalysisError(msg, position=target.position, label=str(target.label))
            return found

        context = RuleContext(
            target=target,
            configuration=node.configuration,
            attrs=target.attrs,
            dependencies=dependency,
            tool=lambda name, owner: self._tool(owner or rule.name, name),
            shared=self._shared,
        )
        try:
            providers = rule.analyze(context)
        except LkbuildError:
            raise
        except (Exception, SystemExit) as error:  # a rule is somebody's code: its bug is reported at the target that met it
            msg = f"rule '{rule.name}' failed: {type(error).__name__}: {error}"
            raise AnalysisError(msg, position=target.position, label=str(target.label), related=raised_at(error)) from error
        wrong = _no_providers(providers)
        if wrong is not None:
            hint = "`analyze` returns a list of providers: [Files((NamedArtifact(name, output),))]; an empty one is []"
            raise AnalysisError(f"rule '{rule.name}' {wrong}", position=target.position, label=str(target.label), hint=hint)
        found = {type(provider).__name__: provider for provider in providers}
        _check_names(target, found)
        return Analysis(node, context.emitted(), found)


def _no_providers(returned: Any) -> str | None:
    """What is wrong with what a rule returned: it is somebody's code, and nobody need have checked it by types."""
    if not isinstance(returned, list | tuple):
        return f"returned {_kind(returned)}, no list"
    names = [type(provider).__name__ for provider in returned]
    for number, provider in enumerate(returned):
        if type(provider).__module__ == "builtins":
            return f"returned {_kind(provider)} among its providers"
        if names[number] in names[:number]:
            return f"returned two {names[number]}"
        files = provider.files if isinstance(provider, Files) else ()
        for item in files:
            if not isinstance(item, NamedArtifact):
                return f"returned Files of which one is {_kind(item)}, no NamedArtifact"
    return None


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _check_names(target: Target, providers: Mapping[str, Any]) -> None:
    """Outputs are written under lkbuild-out/ by these names, over whatever is there."""
    files = providers.get(Files.__name__)
    for item in files.files if files else ():
        if leads_out(item.name):
            msg = f"an output of {target.label.short} can't be named '{item.name}'"
            raise AnalysisError(msg, position=target.position, label=str(target.label), hint=NO_WAY_OUT)


def _check_arch(target: Target, configuration: Configuration) -> None:
    if not _is_for(target, configuration):
        raise AnalysisError(
            f"{target.label.short} can't be built for {configuration.arch}",
            position=target.at("arches"),
            label=str(target.label),
            hint=f"it has: {', '.join(target.arches)}",
        )


def _is_for(target: Target, configuration: Configuration) -> bool:
    return not target.arches or configuration.arch in target.arches


def _check_edge(target: Target, rule: Rule, needed: Target, position: Position, configuration: Configuration) -> None:
    if not _is_for(needed, configuration):
        raise AnalysisError(
            f"{target.label.short} needs {needed.label.short}, which can't be built for {configuration.arch}",
            position=position,
            label=str(target.label),
            hint=f"leave it out by `select:`, or say `arches: [{', '.join(needed.arches)}]` of {target.label.short}, too",
            related=((needed.at("arches"), "its architectures"),),
        )
    here = target.label.package
    if needed.label.package != here and not any(pattern.matches(target.label) for pattern in needed.visibility):
        raise AnalysisError(
            f"{needed.label.short} is not visible from {target.label.short}",
            position=position,
            label=str(target.label),
            hint=f"add //{here}:all to its visibility",
            related=((needed.at("visibility"), "its visibility"),),
        )
    if needed.testonly and not (target.testonly or rule.test):
        raise AnalysisError(
            f"{target.label.short} is not testonly, but {needed.label.short} is",
            position=position,
            label=str(target.label),
        )
