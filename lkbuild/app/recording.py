"""Keeps what a build can be explained by: manifests of its actions' keys and the attributes that they came from.

Writes nothing for a build that found everything up to date. What is written is `lkbuild.app.history`'s business, what it means
`lkbuild.app.explanation`'s.
"""

from __future__ import annotations

import marshal
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

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


def record(
    session: Session,
    analyses: Analyses,
    execution: Execution,
    targets: Sequence[str],
    rest: str = "",
    replaced: Collection[str] = (),
) -> str:
    """Keep a build for explanations, unless nothing was looked up or run.

    Args:
        session: of the build.
        analyses: of its targets.
        execution: of its actions.
        targets: what it was asked for.
        rest: the record of an earlier build that has the actions which this one left out.
        replaced: names of actions in that record which are not among these.

    Returns the name of the record that has the actions as they are now; "" where there is none.
    """
    history = History(session.state)
    gone = frozenset(replaced) - {str(action) for action in execution.graph.order}
    if set(execution.sources.values()) <= {Source.UP_TO_DATE} and history.files() and not gone:
        return rest or _of_the_same(history, execution)
    before = history.part(rest) if rest else history.latest()
    live = LiveKeys(session, analyses, execution.graph)
    entries = tuple(_entry(live.named(action), action, execution) for action in execution.graph.order)
    made = BuildRecord(
        id=history.unused(session.options.invocation),
        time=time.time(),
        targets=tuple(targets),
        actions=entries,
        manifests=_manifests(entries, before, live),
        attributes_by_owner=_attributes(entries, before, live),
    )
    history.add(_resting(made, before, gone) if rest and before else made)
    return "" if rest and not before else made.id


def _of_the_same(history: History, execution: Execution) -> str:
    """The name of the newest record, if it has the actions of a build that found all of them up to date, and no others."""
    latest = history.latest()
    known = {entry.name: entry.recipe for entry in latest.actions} if latest else {}
    same = known == {str(action): recipe.hash for action, recipe in execution.graph.recipes.items()}
    return latest.id if latest and same else ""


def _manifests(entries: Sequence[Entry], before: BuildRecord | None, live: LiveKeys) -> dict[str, bytes]:
    old = before.manifests if before else {}
    return {recipe: old.get(recipe) or marshal.dumps(live.manifest(recipe)) for recipe in dict.fromkeys(entry.recipe for entry in entries)}


def _attributes(entries: Sequence[Entry], before: BuildRecord | None, live: LiveKeys) -> dict[str, bytes]:
    old = before.attributes_by_owner if before else {}
    recipes = {entry.name: entry.recipe for entry in before.actions} if before else {}
    changed = {entry.owner for entry in entries if recipes.get(entry.name) != entry.recipe}
    owners = {entry.owner for entry in entries}
    return {owner: old[owner] if owner in old and owner not in changed else marshal.dumps(dict(live.attributes(owner))) for owner in owners}


def _resting(made: BuildRecord, before: BuildRecord, gone: frozenset[str]) -> BuildRecord:
    """A record of some actions, with those that the one before it has and its own rest has not: it rests on the same."""
    if not before.rest:
        return replace(made, rest=before.id, targets=before.targets, gone=tuple(sorted(gone)))
    own = made.by_name
    left_out = tuple(entry.untouched() for entry in before.actions if entry.name not in own and entry.name not in gone)
    manifests = {entry.recipe: before.manifests[entry.recipe] for entry in left_out if entry.recipe in before.manifests}
    attributes = {entry.owner: before.attributes_by_owner[entry.owner] for entry in left_out if entry.owner in before.attributes_by_owner}
    return replace(
        made,
        rest=before.rest,
        targets=before.targets,
        actions=(*made.actions, *left_out),
        manifests={**manifests, **made.manifests},
        attributes_by_owner={**attributes, **made.attributes_by_owner},
        gone=tuple(sorted((gone | set(before.gone)) - own.keys())),
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
