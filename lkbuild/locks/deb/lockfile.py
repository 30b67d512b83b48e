"""Whether a lock of Debian packages holds what its target asks for, and how two locks differ. Pure, offline, fast."""

from __future__ import annotations

from collections.abc import Iterator

from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.request import LockChange, LockProblem
from lkbuild.model.deb_lock import DebLock, LockFormatError, parse_lock


def check(request: DebRequest, text: str) -> tuple[LockProblem, ...]:
    """What is wrong with a lock; empty where it holds all that is asked for, closed under dependencies, and nothing else."""
    if not text.strip():
        return (LockProblem(message="the lock file is missing or empty"),)
    try:
        lock = parse_lock(text)
    except LockFormatError as error:
        return (LockProblem(message=str(error), line=error.line),)
    return (*_check_header(request, lock), *(problem for arch in request.arches for problem in _check_arch(request, lock, arch)))


def _check_header(request: DebRequest, lock: DebLock) -> Iterator[LockProblem]:
    pairs = (
        ("suite", request.suite, lock.suite),
        ("components", " ".join(request.components), " ".join(lock.components)),
        ("recommends", "yes" if request.recommends else "no", "yes" if lock.recommends else "no"),
    )
    for name, wanted, held in pairs:
        if wanted != held:
            yield LockProblem(message=f"the lock was made for {name} '{held}', the target asks for '{wanted}'")
    for arch in sorted(set(lock.entries) - set(request.arches)):
        line = min(entry.line for entry in lock.entries[arch].values())
        yield LockProblem(message=f"the lock holds packages for {arch}, which the target does not ask for", line=line)


def _check_arch(request: DebRequest, lock: DebLock, arch: str) -> Iterator[LockProblem]:
    entries = lock.entries.get(arch, {})
    named = request.named(arch)
    for name in named:
        if name not in entries:
            yield LockProblem(message=f"{name} is not in the lock for {arch}")
    reached: set[str] = set()
    todo = [name for name in named if name in entries]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        for dep in entries[name].deps:
            if dep in entries:
                todo.append(dep)
            else:
                yield LockProblem(message=f"{name} needs {dep}, which is not in the lock for {arch}", line=entries[name].line)
    for name, entry in entries.items():
        if name in request.exclude:
            yield LockProblem(message=f"{name} is excluded, but is in the lock for {arch}", line=entry.line)
        elif name not in reached:
            yield LockProblem(message=f"nothing asked for needs {name} on {arch}", line=entry.line)


def diff(old: str, new: str) -> tuple[LockChange, ...]:
    """What changed between two locks, by name; equal changes of several architectures are one. An empty text is an empty lock.

    Raises:
        LockFormatError: a text that is no lock.
    """
    before, after = _versions(old), _versions(new)
    found: dict[tuple[str, str, str], list[str]] = {}
    for name, arch in sorted(before.keys() | after.keys()):
        was, now = before.get((name, arch), ""), after.get((name, arch), "")
        if was != now:
            found.setdefault((name, was.partition(" ")[0], now.partition(" ")[0]), []).append(arch)
    return tuple(LockChange(name=name, old=was, new=now, arches=tuple(arches)) for (name, was, now), arches in found.items())


def _versions(text: str) -> dict[tuple[str, str], str]:
    """Version and digest by name and architecture: a package that was rebuilt under its version has changed too."""
    if not text.strip():
        return {}
    entries = parse_lock(text).entries
    return {(entry.name, arch): f"{entry.version} {entry.sha256}" for arch, names in entries.items() for entry in names.values()}
