"""Use case: write what `docker buildx bake` builds the Dockerfiles of targets by: a bake file, and beside it their contexts and bases.

What a Dockerfile builds upon is another target of the bake file where that has a Dockerfile, too, and an image layout where it has not:
those are built. Does not run an engine for what it writes.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from lkbuild.app.engine import make_loop
from lkbuild.app.executing import actions_of
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.selection import analyze, select
from lkbuild.app.session import Session, open_session
from lkbuild.app.settings import make_wish
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.execution.build import Execution
from lkbuild.execution.placing import place
from lkbuild.model.action import Input, PlannedAction
from lkbuild.model.artifact import ActionId, Inline, Output, SourceFile
from lkbuild.model.events import EventSink
from lkbuild.model.tree import File, Layout, Subtree
from lkbuild.sandbox.plan import SOURCE_DATE_EPOCH

#: The builtin whose actions are written.
_BUILTIN: Final = "dockerfile"
_BASES: Final = "bases"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")


def bake(options: BuildOptions, patterns: Sequence[str], sink: EventSink) -> Path:
    """Write the bake file of what the patterns select; where it is.

    Raises:
        UsageError: nothing of it has a Dockerfile.
        LkbuildError: what a Dockerfile copies or builds upon could not be built.
    """
    with building(sink), open_session(options) as session:
        selected = select(session, patterns)
        analyses = analyze(session, selected)
        actions = actions_of(analyses)
        own = [action.info.id for item in selected for action in analyses.by_node[item.node].actions if _is_one(action)]
        if not own:
            raise UsageError("nothing of this has a Dockerfile", hint="`lkbuild query 'kind(package, //...)'` lists packages")
        return _write(session, _with_bases(own, actions), own, actions, sink)


def _is_one(action: PlannedAction) -> bool:
    return action.spec.builtin == _BUILTIN


def _with_bases(own: Iterable[ActionId], actions: Mapping[ActionId, PlannedAction]) -> tuple[ActionId, ...]:
    """Some builds of Dockerfiles, and those that they build upon."""
    found: dict[ActionId, None] = {}
    open_ = list(own)
    while open_:
        action = open_.pop()
        if action not in found:
            found[action] = None
            open_ += [made.action for item in actions[action].spec.inputs if (made := _other(item, actions)) is not None]
    return tuple(found)


def _other(item: Input, actions: Mapping[ActionId, PlannedAction]) -> Output | None:
    """The image of another Dockerfile that an input is a base by, or None."""
    artifact = item.artifact
    return artifact if item.path.startswith(f"{_BASES}/") and isinstance(artifact, Output) and _is_one(actions[artifact.action]) else None


def _write(
    session: Session, builds: Sequence[ActionId], own: Sequence[ActionId], actions: Mapping[ActionId, PlannedAction], sink: EventSink
) -> Path:
    inputs = [item for action in builds for item in actions[action].spec.inputs if _other(item, actions) is None]
    wanted = tuple(dict.fromkeys(item.artifact.action for item in inputs if isinstance(item.artifact, Output)))
    with make_loop(session, sink) as loop:
        execution = loop.execute(make_wish(session, wanted, actions))
        for error in execution.errors.values():
            raise error
        folder = session.out / "bake"
        shutil.rmtree(folder, ignore_errors=True)
        writer = _Writer(session, execution, folder, actions, {action: _name(action, actions) for action in builds})
        targets = {writer.names[action]: writer.target(action) for action in builds}
    groups = {"default": {"targets": sorted({writer.names[action] for action in own})}}
    file = folder / "docker-bake.json"
    write_atomic(file, (json.dumps({"group": groups, "target": targets}, indent=2, sort_keys=True) + "\n").encode())
    return file


def _name(action: ActionId, actions: Mapping[ActionId, PlannedAction]) -> str:
    """The bake file's name for a build: its label and what it is for."""
    request = json.loads(actions[action].spec.arguments[2])
    return f"{_UNFIT.sub('_', actions[action].info.label).strip('_')}-{request['arch']}"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the folders of targets, each with its context, its Dockerfile and its bases."""

    session: Session
    execution: Execution
    folder: Path
    actions: Mapping[ActionId, PlannedAction]
    names: Mapping[ActionId, str] = field(default_factory=dict)

    def target(self, action: ActionId) -> dict[str, Any]:
        """The target of a build, its folder written."""
        spec = self.actions[action].spec
        request = json.loads(spec.arguments[2])
        place_at = self.folder / self.names[action]
        contexts: dict[str, str] = {}
        own: dict[str, File | Subtree] = {}
        for item in spec.inputs:
            other = _other(item, self.actions)
            if other is not None:
                contexts[item.path.removeprefix(f"{_BASES}/")] = f"target:{self.names[other.action]}"
            else:
                own[item.path] = self._leaf(item)
        # An engine keeps contexts by this name, and compares files by size and time alone: other content has another one.
        root, _ = Layout(own).encode()
        context = place_at / f"context-{root.hash[:16]}"
        context.mkdir(parents=True)
        for path, leaf in own.items():
            inside = path.removeprefix("context/")
            place(leaf, place_at / path if inside == path else context / inside, self.session.store.blobs)
        for layout in sorted((place_at / _BASES).iterdir()) if (place_at / _BASES).is_dir() else ():
            (top,) = json.loads((layout / "index.json").read_bytes())["manifests"]
            contexts[layout.name] = f"oci-layout://{layout}@{top['digest']}"
        found = {
            "context": str(context),
            "dockerfile": str(place_at / "Dockerfile"),
            "contexts": contexts,
            "args": {**request["arguments"], "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)},
            "labels": request["labels"],
            "platforms": [f"linux/{request['arch']}"],
            "target": request["stage"],
            "tags": [f"{request['name']}:latest"],
            "attest": ["type=provenance,disabled=true"],
        }
        return {name: value for name, value in found.items() if value}

    def _leaf(self, item: Input) -> File | Subtree:
        blobs = self.session.store.blobs
        match item.artifact:
            case SourceFile() as source:
                return File(blobs.put_file(self.session.sources.path(source)), self.session.sources.file(source).executable)
            case Inline() as inline:
                return File(blobs.put_bytes(inline.data), inline.executable)
            case Output() as output:
                leaf = self.execution.leaf_of(output)
                assert leaf is not None  # noqa: S101 - errors were raised
                return leaf
