"""Use case: what takes the space in an output: the parts that it was joined from, and the files in them; and what changed since before.

Knows of actions which builtin they are (`concat` joins, `cpio` packs a layer), and nothing of images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lkbuild.app.executing import actions_of, execute
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import Requested, request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.digest import Digest
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.execution.build import Execution
from lkbuild.image.entries import Kind
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tar import tar_members
from lkbuild.model.action import BUILTIN, PlannedAction
from lkbuild.model.artifact import ActionId, Artifact, Inline, NamedArtifact, Output
from lkbuild.model.events import EventSink
from lkbuild.model.tree import File

#: Of the form of `--json`, which `--against` reads.
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an output: what is in the output, and the layer that it was packed from, where it was."""

    packed: Artifact
    layer: Output | None


def size(options: BuildOptions, label: str, sink: EventSink, against: Path | None = None) -> dict[str, Any]:
    """Build what the label names; tell what is in each of its outputs. `against` is what an earlier call told, as JSON.

    Raises:
        UsageError: the label names several targets, or the file is not what an earlier call told.
    """
    before = _read(against) if against is not None else None
    with building(sink), open_session(options) as session:
        told = _told(session, label, sink)
    return {**told, **({"changed": changes(before, told)} if before is not None else {})}


def _told(session: Session, label: str, sink: EventSink) -> dict[str, Any]:
    """Build it with all that it was joined from, and look."""
    selected = select(session, [label])
    if len(selected) != 1:
        raise UsageError(f"{label} names {len(selected)} targets, where one is needed", hint="name one label, and one architecture")
    analyses, (wanted,) = request(session, selected)
    actions = actions_of(analyses)
    parts = {item.name: _parts(item.artifact, actions) for item in wanted.files}
    every = [artifact for found in parts.values() for part in found for artifact in (part.packed, part.layer) if artifact is not None]
    whole = Requested(wanted.selected, (*wanted.files, *(NamedArtifact(str(n), artifact) for n, artifact in enumerate(every))))
    execution = execute(session, analyses, [whole], sink, WorkspaceState(session.state / "state"))
    for error in execution.errors.values():
        raise error
    outputs = [_output(session, execution, actions, item, parts[item.name]) for item in wanted.files]
    return {"version": VERSION, "label": wanted.selected.text, "outputs": outputs, "bytes": sum(item["bytes"] for item in outputs)}


def _parts(artifact: Artifact, actions: Mapping[ActionId, PlannedAction]) -> tuple[_Part, ...]:
    """What an output was joined from; nothing where it was not joined."""
    if not isinstance(artifact, Output) or not _is(actions[artifact.action], "concat"):
        return ()
    found = []
    for item in actions[artifact.action].spec.inputs:
        maker = actions[item.artifact.action] if isinstance(item.artifact, Output) else None
        packs = maker is not None and _is(maker, "cpio")
        layer = maker.spec.inputs[0].artifact if maker is not None and packs else None
        found.append(_Part(item.artifact, layer if isinstance(layer, Output) else None))
    return tuple(found)


def _is(planned: PlannedAction, builtin: str) -> bool:
    return planned.spec.arguments[:1] == (f"{BUILTIN}{builtin}",)


def _output(
    session: Session, execution: Execution, actions: Mapping[ActionId, PlannedAction], item: NamedArtifact, parts: Sequence[_Part]
) -> dict[str, Any]:
    """One output: its size, and its parts, the largest first; what stands in it once is told once."""
    seen: dict[Digest, dict[str, Any]] = {}
    for part in parts:
        digest = _digest(execution, part.packed)
        if digest is None or digest in seen:
            continue
        made = part.layer or part.packed
        info = actions[made.action].info if isinstance(made, Output) else None
        layer = _digest(execution, part.layer) if part.layer is not None else None
        files = dict(_files(session, layer)) if layer is not None else {}
        seen[digest] = {
            "label": info.label if info else "",
            "what": info.message if info else "",
            "bytes": digest.size,
            "unpacked_bytes": sum(files.values()),
            "files": files,
        }
    return {"name": item.name, "bytes": _bytes(execution, item.artifact), "parts": sorted(seen.values(), key=lambda part: -part["bytes"])}


def _digest(execution: Execution, artifact: Artifact) -> Digest | None:
    leaf = execution.leaf_of(artifact) if isinstance(artifact, Output) else None
    return leaf.digest if isinstance(leaf, File) else None


def _bytes(execution: Execution, artifact: Artifact) -> int:
    if isinstance(artifact, Inline):
        return len(artifact.data)
    digest = _digest(execution, artifact)
    return digest.size if digest else 0


def _files(session: Session, layer: Digest) -> Iterator[tuple[str, int]]:
    """The files of a layer with their sizes; none where it is no tar."""
    try:
        with session.store.blobs.open(layer) as stream:
            for entry, _ in tar_members(stream):
                if entry.kind is Kind.FILE:
                    yield entry.path, entry.size
    except ArchiveError:
        return


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two accounts: outputs, parts by label, and files by label and path; each with its size then and now."""
    return {kind: _differences(_sizes(before, kind), _sizes(after, kind)) for kind in ("outputs", "parts", "files")}


def _differences(old: Mapping[str, int], new: Mapping[str, int]) -> list[dict[str, Any]]:
    """The largest difference first; 0 is what is not there."""
    names = [name for name in {**old, **new} if old.get(name, -1) != new.get(name, -1)]
    found = [{"name": name, "bytes_before": old.get(name, 0), "bytes": new.get(name, 0)} for name in names]
    return sorted(found, key=lambda item: (-abs(item["bytes"] - item["bytes_before"]), item["name"]))


def _sizes(told: Mapping[str, Any], kind: str) -> dict[str, int]:
    """Sizes by name; what has the same name in several parts is added up."""
    found: dict[str, int] = {}
    for output in told["outputs"]:
        if kind == "outputs":
            found[output["name"]] = output["bytes"]
            continue
        for part in output["parts"]:
            named = (
                {part["label"]: part["bytes"]} if kind == "parts" else {f"{part['label']} {path}": n for path, n in part["files"].items()}
            )
            for name, count in named.items():
                found[name] = found.get(name, 0) + count
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {error}", hint="write it with `lkbuild info size --json LABEL > FILE`") from error
    if not isinstance(told, dict) or told.get("version") != VERSION or "outputs" not in told:
        raise UsageError(
            f"{path} is not what `lkbuild info size --json` writes", hint="write it with `lkbuild info size --json LABEL > FILE`"
        )
    return told
