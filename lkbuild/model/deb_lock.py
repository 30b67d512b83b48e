"""The lock of Debian packages as values: entries, the text form, and the closure of a set of names.

Both sides need it: the resolver writes it (lkbuild.locks) and rules walk it (rules/debs.py). Specified in docs/format/deb-lock.md.
Pure text; does not know where packages come from, nor how the lock was resolved.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from typing import Final

from lkbuild.base.values import dataclass

HEADER: Final = "# lkbuild deb-lock 1"
_NOTE: Final = "# Written by `lkbuild lock update`: change the target that names this file, not this file."
_META: Final = re.compile(r"# ([a-z]+): (.*)\Z")
_DATE: Final = re.compile(r"# date ([a-z0-9]+): (.*)\Z")
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z")  # Debian policy 5.6.1, whose minimum of two characters is the archive's business
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_+~%:.-]+/)*[A-Za-z0-9_+~%:.-]+\.deb\Z")


class LockFormatError(ValueError):
    """Text that is no lock. `line` is its line from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class AbsentPackage(ValueError):
    """A name that a lock does not hold for an architecture.

    Attributes:
        name: the package.
        others: architectures that the lock holds it for.
        near: names that the lock does hold for the architecture, the nearest first.
    """

    def __init__(self, lock: DebLock, arch: str, name: str) -> None:
        self.name = name
        self.others = tuple(other for other, by_name in sorted(lock.entries.items()) if name in by_name)
        self.near = tuple(difflib.get_close_matches(name, lock.entries.get(arch, {}), n=3, cutoff=0.6))
        if self.others:
            super().__init__(f"the lock holds {name} for {', '.join(self.others)}, not for {arch}")
        else:
            super().__init__(f"the lock holds no {name} for {arch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DebEntry:
    """One package for one architecture.

    Attributes:
        arch: the architecture that it is for; an `Architecture: all` package has an entry for each that needs it.
        name: the package's name.
        version: its Debian version.
        path: where it lies in the archive, from the mirror's base (the index's Filename).
        size: bytes.
        sha256: hexadecimal.
        deps: sorted names of the packages that it directly needs, all of them in the same lock and architecture.
        line: its line in the text it was read from; 0 where it was not read. No part of its identity.
    """

    arch: str
    name: str
    version: str
    path: str
    size: int
    sha256: str
    deps: tuple[str, ...]
    line: int = 0

    def __str__(self) -> str:
        return f"{self.arch} {self.name} {self.version} {self.path} {self.size} {self.sha256} {','.join(self.deps) or '-'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DebLock:
    """A whole lock.

    Attributes:
        suite: the suite that it was resolved against, as the target names it.
        components: the components searched.
        date: the Date of the signed index, as 2026-09-12T07:55:41Z.
        recommends: whether recommended packages were followed.
        entries: by architecture, then by name.
        dates: by architecture, where that was resolved against another index than the rest.
    """

    suite: str
    components: tuple[str, ...]
    date: str
    recommends: bool
    entries: Mapping[str, Mapping[str, DebEntry]]
    dates: Mapping[str, str] = field(default_factory=dict)

    def date_of(self, arch: str) -> str:
        """The Date of the index that an architecture was resolved against."""
        return self.dates.get(arch, self.date)

    def snapshot(self, arch: str) -> str:
        """The same as the snapshot archive writes it: 20260912T075541Z."""
        return self.date_of(arch).replace("-", "").replace(":", "")


def format_lock(lock: DebLock) -> str:
    """The text of a lock; `parse_lock` is its inverse."""
    lines = [
        HEADER,
        _NOTE,
        f"# suite: {lock.suite}",
        f"# components: {' '.join(lock.components)}",
        f"# date: {lock.date}",
        *(f"# date {arch}: {date}" for arch, date in sorted(lock.dates.items())),
        f"# recommends: {'yes' if lock.recommends else 'no'}",
    ]
    entries = sorted(str(entry) for by_name in lock.entries.values() for entry in by_name.values())
    return "\n".join([*lines, *entries, ""])


@lru_cache(maxsize=32)
def parse_lock(text: str) -> DebLock:
    """Read a lock. Cached, as each consumer of a lock parses the same text.

    Raises:
        LockFormatError: with the line that is wrong.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != HEADER:
        raise LockFormatError(f"a lock of Debian packages starts with '{HEADER}'", 1)
    meta: dict[str, str] = {}
    dates: dict[str, str] = {}
    entries: dict[str, dict[str, DebEntry]] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            if found := _META.match(line):
                meta[found[1]] = found[2].strip()
            elif found := _DATE.match(line):
                dates[found[1]] = found[2].strip()
        elif line.strip():
            entry = _parse_entry(line, number)
            by_name = entries.setdefault(entry.arch, {})
            if entry.name in by_name:
                raise LockFormatError(f"{entry.name} stands twice for {entry.arch} (first on line {by_name[entry.name].line})", number)
            by_name[entry.name] = entry
    for key in ("suite", "components", "date", "recommends"):
        if key not in meta:
            raise LockFormatError(f"the line '# {key}: ...' is missing", 1)
    return DebLock(
        suite=meta["suite"],
        components=tuple(meta["components"].split()),
        date=meta["date"],
        recommends=meta["recommends"] == "yes",
        entries=entries,
        dates=dates,
    )


def _parse_entry(line: str, number: int) -> DebEntry:
    parts = line.split()
    if len(parts) != 7:
        raise LockFormatError(f"an entry has 7 fields, this line has {len(parts)}", number)
    arch, name, version, path, size, sha256, deps = parts
    if not _NAME.match(name):
        raise LockFormatError(f"'{name}' is no package name", number)
    if not _PATH.match(path) or ".." in path.split("/"):
        raise LockFormatError(f"'{path}' is no path of a package in an archive", number)
    if not size.isdecimal():
        raise LockFormatError(f"'{size}' is no size", number)
    if not _SHA256.match(sha256):
        raise LockFormatError(f"'{sha256}' is no SHA-256", number)
    return DebEntry(
        arch=arch,
        name=name,
        version=version,
        path=path,
        size=int(size),
        sha256=sha256,
        deps=() if deps == "-" else tuple(deps.split(",")),
        line=number,
    )


def closure(lock: DebLock, arch: str, names: Iterable[str], without: Iterable[str] = ()) -> tuple[DebEntry, ...]:
    """The named packages and all that they need, each before what it needs (cycles are cut where they close).

    Args:
        lock: where to look.
        arch: for which architecture.
        names: where to start.
        without: names that are left out, with what only they need; the lock must hold them, for this architecture or another.

    Raises:
        AbsentPackage: a name that the lock does not hold.
        ValueError: an entry needs one that the lock does not hold.
    """
    entries = lock.entries.get(arch, {})
    left_out = frozenset(without)
    for name in dict.fromkeys(names):
        if name not in entries:
            raise AbsentPackage(lock, arch, name)
    for name in sorted(left_out):  # a dependency of one architecture need not be one of another
        if not any(name in by_name for by_name in lock.entries.values()):
            raise AbsentPackage(lock, arch, name)
    seen: set[str] = set()
    done: list[DebEntry] = []
    for name in sorted(set(names) - left_out, reverse=True):
        _visit(entries, name, left_out, seen, done)
    return tuple(reversed(done))


def _visit(entries: Mapping[str, DebEntry], start: str, left_out: frozenset[str], seen: set[str], done: list[DebEntry]) -> None:
    """Depth-first, post-order, without recursion: chains of dependencies may be longer than the interpreter's stack."""
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        name, finished = stack.pop()
        if finished:
            done.append(entries[name])
            continue
        if name in seen:
            continue
        seen.add(name)
        stack.append((name, True))
        for dep in entries[name].deps:
            if dep not in left_out and dep not in seen:
                if dep not in entries:
                    entry = entries[name]
                    raise ValueError(f"line {entry.line} of the lock: {name} needs {dep}, which the lock does not hold for {entry.arch}")
                stack.append((dep, False))
