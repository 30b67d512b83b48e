"""Keeps what a build can be explained by: manifests of its actions' keys and the attributes that they came from.

Writes nothing for a build that found everything up to date. What is written is `lkbuild.app.history`'s business, what it means
`lkbuild.app.explanation`'s.
"""

from __future__ import annotations

import marshal
import time
from collections.abc import Mapping, Sequence

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.attribute_text import as_texts
from lkbuild.app.history import BuildRecord, Entry, History
from lkbuild.app.session import Session
from lkbuild.base.digest import Digest
from lkbuild.execution.build import Execution
from lkbuild.execution.plan import ActionGraph
from lkbuild.keys.differences import Manifest
from lkbuild.keys.manifest import walk_recipe
from lkbuild.keys.sinks import LinesSink
from lkbuild.loading.select import resolve_target
from lkbuild.model.action import Source
from lkbuild.model.artifact import ActionId, Inline
from lkbuild.model.configuration import NodeKey


class LiveKeys:
    """Manifests and attributes of the actions of a build that is going on: made when they are asked for."""

    def __init__(self, session: Session, analyses: Analyses, graph: ActionGraph) -> None:
        """`graph`: of the actions that were asked for."""
        self._session = session
        self.graph = graph
        self._nodes: dict[str, NodeKey] = {str(node): node for node in analyses.by_node}
        self._by_recipe: dict[str, ActionId] = {recipe.hash: action for action, recipe in graph.recipes.items()}

    def named(self, action: ActionId) -> Entry:
        """An action as records know it."""
        info = self.graph.actions[action].info
        position = f"{info.position.file}:{info.position.line}" if info.position else ""
        return Entry(str(action), info.label, info.mnemonic, position, self.graph.recipes[action].hash)

    def entry(self, recipe: str) -> Entry | None:
        """The action of a recipe, or None."""
        action = self._by_recipe.get(recipe)
        return self.named(action) if action is not None else None

    def manifest(self, recipe: str) -> Manifest | None:
        """The manifest of a recipe, or None."""
        action = self._by_recipe.get(recipe)
        if action is None:
            return None
        file, recipes = self._session.sources.file, self.graph.recipes
        sink = LinesSink()
        walk_recipe(
            self.graph.actions[action].spec,
            sink,
            source=lambda source: file(source).digest,
            recipe=lambda output: recipes[output.action],
            executable=lambda source: file(source).executable,
        )
        return tuple(sink.lines)

    def attributes(self, owner: str) -> Mapping[str, str]:
        """Attributes of a node as text."""
        node = self._nodes.get(owner)
        if node is None:
            return {}
        return as_texts(resolve_target(self._session.analyzer.target(node.label), node.configuration).attrs)

    def inline(self, recipe: str, path: str) -> bytes | None:
        """The content that a rule wrote for an input."""
        action = self._by_recipe.get(recipe)
        if action is None:
            return None
        inputs = self.graph.actions[action].spec.inputs
        return next((item.artifact.data for item in inputs if item.path == path and isinstance(item.artifact, Inline)), None)


def record(session: Session, analyses: Analyses, execution: Execution, targets: Sequence[str]) -> None:
    """Keep a build for explanations, unless nothing was looked up or run."""
    history = History(session.state)
    if set(execution.sources.values()) <= {Source.UP_TO_DATE} and history.files():
        return
    before = history.latest()
    live = LiveKeys(session, analyses, execution.graph)
    entries = tuple(_entry(live.named(action), action, execution) for action in execution.graph.order)
    old_manifests = before.manifests if before else {}
    old_attributes = before.attributes_by_owner if before else {}
    changed = {entry.owner for entry in entries if entry.recipe not in old_manifests}
    owners = {entry.owner for entry in entries}
    history.add(
        BuildRecord(
            id=history.unused(session.options.invocation),
            time=time.time(),
            targets=tuple(targets),
            actions=entries,
            manifests={
                entry.recipe: old_manifests.get(entry.recipe) or marshal.dumps(live.manifest(entry.recipe))
                for entry in {entry.recipe: entry for entry in entries}.values()
            },
            attributes_by_owner={
                owner: old_attributes[owner]
                if owner in old_attributes and owner not in changed
                else marshal.dumps(dict(live.attributes(owner)))
                for owner in owners
            },
        )
    )


def _entry(named: Entry, action: ActionId, execution: Execution) -> Entry:
    source = execution.sources.get(action, Source.SKIPPED)
    recipe = execution.graph.recipes[action]
    result = execution.results.get(recipe)
    key = execution.keys.get(recipe)
    seconds, outputs = 0.0, ""
    if source is Source.EXECUTED and result is not None:
        seconds = result.seconds
        made: list[tuple[str, Digest]] = [*((item.path, item.digest) for item in result.files)]
        made += ((item.path, item.root) for item in result.trees)
        outputs = "\n".join(f"{path} {digest}" for path, digest in sorted(made))
    return Entry(
        named.name, named.label, named.mnemonic, named.position, named.recipe, source.value, seconds, key.hash if key else "", outputs
    )
