"""Source files that a BUILD.yaml names: found in the package, or an explanation of why not. Pure: asks `Files`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lkbuild.base.errors import nearest
from lkbuild.loading.listing import BUILD_FILE, Entry, Files, is_package, join


class Refusal(NamedTuple):
    """Why a path names no source file, and what to do."""

    message: str
    hint: str


def locate(files: Files, package: str, path: str, *, targets: Iterable[str] = (), must_exist: bool = True) -> Refusal | None:
    """Check a package-relative path; None if it names a file of the package (or, unless `must_exist`, could)."""
    segments = path.split("/")
    refusal = _form(path, segments)
    if refusal is not None:
        return refusal
    directory = package
    for done, segment in enumerate(segments[:-1], start=1):
        entry = (files.entries(directory) or {}).get(segment)
        below = join(directory, segment)
        if entry is Entry.LINKED_DIRECTORY:
            return Refusal(f"'{path}' crosses the symbolic link '{below}'", "name the file by its real path")
        if entry is not Entry.DIRECTORY:
            return _missing(files, directory, path, segments[: done - 1], segment, targets) if must_exist else None
        if is_package(files, below):
            label = f"//{below}:{'/'.join(segments[done:])}"
            return Refusal(f"'{path}' is in another package, '{below}'", f"name a target of it, such as a filegroup, by its label: {label}")
        directory = below
    return _last(files, directory, path, segments, targets, must_exist=must_exist)


def _form(path: str, segments: list[str]) -> Refusal | None:
    if not path:
        return Refusal("the path of a file is empty", "name a file of the package")
    if path.startswith("/"):
        return Refusal(f"'{path}' is absolute", "a path is relative to the package; files from outside come by a lock")
    if ".." in segments:
        return Refusal(f"'{path}' leaves the package", "name a target of the other package by its label: //other/package:name")
    if "" in segments or "." in segments or "\0" in path:
        return Refusal(f"'{path}' is not a clean path", "write it without '.', '//' and a slash at its end")
    return None


def _last(files: Files, directory: str, path: str, segments: list[str], targets: Iterable[str], *, must_exist: bool) -> Refusal | None:
    entry = (files.entries(directory) or {}).get(segments[-1])
    if entry is Entry.FILE or (entry is None and not must_exist):
        return None
    if entry is None:
        return _missing(files, directory, path, segments[:-1], segments[-1], targets)
    if entry is Entry.OTHER:
        return Refusal(f"'{path}' is no regular file", "a source is a file, or a link to one")
    where = join(directory, segments[-1])
    hint = f"name a target of it: //{where}" if is_package(files, where) else f'write glob: ["{path}/**"] for all files below it'
    return Refusal(f"'{path}' is a directory", hint)


def _missing(files: Files, directory: str, path: str, parents: list[str], segment: str, targets: Iterable[str]) -> Refusal:
    message = f"no file '{path}' in {'package //' + directory if not parents else 'directory ' + directory}"
    if path in set(targets):
        return Refusal(message, f"write ':{path}' for the target of this package")
    if ":" in path:
        return Refusal(message, f"write '//{path}' if it is a label")
    if any(wildcard in path for wildcard in "*?["):
        return Refusal(message, f'write {{glob: ["{path}"]}} for all files that a pattern matches')
    names = [name for name in files.entries(directory) or {} if name != BUILD_FILE]
    near = nearest(segment, names)
    if near is not None and parents:
        near = f"{near} in {'/'.join(parents)}/"
    return Refusal(message, near or nearest(path, targets) or "a path is relative to the package")
