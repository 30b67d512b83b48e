"""Where outputs go below lkbuild-out/: a place of its own for each, or an error that names both. Writes nothing.

A target's outputs lie in `<arch>/<package>/<name>/`, so output `b/c` of //p:a and output `c` of //p/a:b are one path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import PurePath

from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.values import dataclass
from lkbuild.model.artifact import Inline, NamedArtifact, Output, SourceFile
from lkbuild.model.configuration import NodeKey


@dataclass(frozen=True, slots=True)
class Place:
    """An output, its path below lkbuild-out/, and whose it is."""

    parts: tuple[str, ...]
    owner: str
    position: Position | None
    artifact: Output | Inline


def folder_of(node: NodeKey) -> str:
    """Where the outputs of a target go, below lkbuild-out/."""
    label, arch = node.label, node.configuration.arch
    return f"{arch}/{label.package}/{label.name}" if label.package else f"{arch}/{label.name}"


def places(node: NodeKey, position: Position | None, files: Sequence[NamedArtifact]) -> Iterable[Place]:
    """Places of a target's outputs. A source file stays where it is."""
    folder = folder_of(node).split("/")
    for item in files:
        if not isinstance(item.artifact, SourceFile):
            yield Place((*folder, *PurePath(item.name).parts), node.label.short, position, item.artifact)


def check_places(found: Iterable[Place]) -> None:
    """Raises AnalysisError where two outputs have one place, or one lies within the other."""
    # Sorted by segments, what lies within a path comes directly after it.
    for one, other in pairwise(sorted(found, key=lambda place: place.parts)):
        within = other.parts[: len(one.parts)] == one.parts
        if not within or (one.parts == other.parts and one.artifact == other.artifact):
            continue
        raise AnalysisError(
            f"{one.owner} writes lkbuild-out/{'/'.join(one.parts)}, and {other.owner} writes "
            + ("the same file" if one.parts == other.parts else f"{'/'.join(other.parts[len(one.parts) :])} in it"),
            label=other.owner,
            position=other.position,
            related=((one.position, f"{one.owner} is here"),) if one.position and one.owner != other.owner else (),
            hint="rename one of the targets or its output, or build them apart: --out",
        )


def lie_in_others(found: Iterable[Place], out: str, others: Iterable[str]) -> bool:
    """Whether one of some places is one of other paths, lies within one, or around one. `out`: lkbuild-out, as they begin."""
    taken = set(others)
    around = {folder for path in taken for folder in _around(path)}
    paths = (f"{out}/{'/'.join(place.parts)}" for place in found)
    return any(path in taken or path in around or not taken.isdisjoint(_around(path)) for path in paths)


def _around(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
