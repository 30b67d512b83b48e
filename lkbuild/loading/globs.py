"""Glob patterns over a package's files.

`*`, `?` and `[a]` within a name, `**` for any directories. A wildcard matches no hidden name unless the pattern's own segment
starts with a dot; `**` enters neither hidden directories nor links nor other packages; BUILD.yaml is matched only by name, so that
an edit of it is no edit of what it globs. Pure: asks `Files`. Does not know YAML.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from lkbuild.loading.listing import BUILD_FILE, Entry, Files, is_package, join


def problem(pattern: str) -> tuple[str, str] | None:
    """Why a text is no pattern and what to do, or None."""
    segments = pattern.split("/")
    if not pattern:
        return "is empty", "write * for the files of the directory, ** for all below it"
    if pattern.startswith("/"):
        return "is absolute", "patterns are relative to the package"
    if ".." in segments:
        return "leaves the package", "name a target of the other package by its label"
    if "" in segments or "." in segments:
        return "has an empty or '.' segment", "take it out"
    if any("**" in segment and segment != "**" for segment in segments):
        return "has '**' inside a segment", "** stands alone between slashes, for any directories; * is for part of a name"
    return None


def expand(files: Files, package: str, include: Sequence[str], exclude: Sequence[str] = ()) -> tuple[str, ...]:
    """Package-relative paths of the files that any of `include` and none of `exclude` matches, sorted."""
    found = {path for pattern in include for path in _walk(files, package, "", _segments(pattern))}
    dropped = [_segments(pattern) for pattern in exclude]
    return tuple(sorted(path for path in found if not any(_matches(path.split("/"), segments) for segments in dropped)))


def other_package(files: Files, package: str, pattern: str) -> str | None:
    """The package below this one that a pattern names a folder of: no glob enters it."""
    directory = package
    for segment in pattern.split("/")[:-1]:
        directory = join(directory, segment)
        if is_package(files, directory):
            return directory
    return None


def _segments(pattern: str) -> list[str]:
    segments: list[str] = []
    for segment in pattern.split("/"):
        if segment != "**" or segments[-1:] != ["**"]:
            segments.append(segment)
    return [*segments, "*"] if segments[-1] == "**" else segments


def _walk(files: Files, package: str, below: str, segments: list[str]) -> Iterator[str]:
    directory = join(package, below) if below else package
    entries = files.entries(directory) or {}
    head, rest = segments[0], segments[1:]
    if head == "**":
        yield from _walk(files, package, below, rest)
        rest = segments
    for name, entry in entries.items():
        if not _name_matches(name, "*" if head == "**" else head):
            continue
        if entry is Entry.FILE and not rest:
            yield join(below, name)
        elif entry is Entry.DIRECTORY and rest and _enters(files, join(directory, name)):
            yield from _walk(files, package, join(below, name), rest)


def _name_matches(name: str, segment: str) -> bool:
    if name == segment:
        return True
    hidden = name.startswith(".") and not segment.startswith(".")
    return not hidden and name != BUILD_FILE and fnmatchcase(name, segment)


def _enters(files: Files, directory: str) -> bool:
    return not files.skipped(directory) and not is_package(files, directory)


def _matches(path: list[str], segments: list[str]) -> bool:
    """Whether a path fits a pattern; taking files away, wildcards mean hidden names too."""
    if not segments:
        return not path
    if segments[0] == "**":
        return any(_matches(path[start:], segments[1:]) for start in range(len(path)))
    return bool(path) and fnmatchcase(path[0], segments[0]) and _matches(path[1:], segments[1:])
