"""`files:` of a linuxkit.yml as the entries of a layer, and their sources among what the target declares. Pure."""

from __future__ import annotations

import posixpath
from typing import Any, Final

from lkbuild.linuxkit.config import Config, Part
from lkbuild.linuxkit.files import FileEntry, entries
from lkbuild.linuxkit.metadata import metadata
from lkbuild.model.action import Input
from lkbuild.model.artifact import Artifact, Output
from lkbuild.model.rule import RuleContext

from ..file_entries import layer

_HOME: Final = "~/"


def files_layer(ctx: RuleContext, config: Config) -> tuple[Output, list[str]] | None:
    """Emit the layer of all files, with the directories that are meant themselves; None where there are none. Raises LoadError.

    A directory that only a file needs has the file's owner, and may be entered by whoever may read the file.
    """
    sources: dict[str, Artifact] = {item.path: item.artifact for item in ctx.inputs(ctx.attrs["data"])}

    def has_source(part: Part) -> bool:
        return _source(part) in sources

    found = list(entries(config, has_source))
    if not found:
        return None
    listed: dict[str, dict[str, Any]] = {}
    inputs: list[Input] = []
    for index, entry in enumerate(found):
        listed.update({path: item for path, item in _parents(entry).items() if path not in listed})
        listed.pop(entry.path, None)  # what comes later comes later
        listed[entry.path] = _entry(entry, config, f"in/{index}")
        if entry.kind == "source":
            inputs.append(Input(f"in/{index}", sources[_source(entry.part)]))
    meant = [entry.path for entry in found if entry.kind == "directory"]
    return layer(ctx, listed.values(), inputs, message=f"files of {ctx.label.short}"), meant


def _source(part: Part) -> str:
    """The workspace path that a source means: from the file that names it. Those of somebody's home are nobody's here."""
    name: str = part.get("source")
    return name if name.startswith(_HOME) else posixpath.normpath(posixpath.join(posixpath.dirname(part.places.file), name))


def _parents(entry: FileEntry) -> dict[str, dict[str, Any]]:
    mode = entry.mode
    for readable in (0o700, 0o070, 0o007):
        if mode & readable:
            mode |= readable & 0o111
    segments = entry.path.split("/")[:-1]
    paths = ["/".join(segments[: count + 1]) for count in range(len(segments))]
    return {path: {"path": path, "kind": "dir", "mode": mode, "uid": entry.uid, "gid": entry.gid} for path in paths}


def _entry(entry: FileEntry, config: Config, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {"path": entry.path, "mode": entry.mode, "uid": entry.uid, "gid": entry.gid}
    match entry.kind:
        case "directory":
            return {**found, "kind": "dir"}
        case "symlink":
            return {**found, "kind": "symlink", "target": entry.value, "mode": 0o777}
        case "source":
            return {**found, "kind": "file", "input": place}
        case "metadata":
            return {**found, "kind": "file", "contents": metadata(config, entry.value)}
        case _:
            return {**found, "kind": "file", "contents": entry.value}
