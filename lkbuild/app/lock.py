"""Use case: lock files. Resolve again, check without a network, or show what would change."""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from lkbuild.app.fetching import make_http_fetcher
from lkbuild.app.options import BuildOptions
from lkbuild.app.selection import analyze, select
from lkbuild.app.session import Session, open_session
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import LockError, Position
from lkbuild.base.values import dataclass
from lkbuild.locks.kinds import KINDS, LockKind
from lkbuild.locks.request import Download
from lkbuild.model.events import EventSink, Notice
from lkbuild.model.providers import Locked


@dataclass(frozen=True, slots=True)
class _Lock:
    label: str
    locked: Locked
    kind: LockKind


def update(options: BuildOptions, patterns: Sequence[str], sink: EventSink) -> tuple[str, ...]:
    """Write the lock files anew; one line per change. A lock is written whole or not at all."""
    lines: list[str] = []
    with open_session(options) as session:
        download = download_of(session)
        for lock in _locks(session, patterns):
            sink.emit(Notice(text=f"resolving {lock.locked.path}"))
            text = lock.kind.update(lock.locked.request, lock.locked.content, download, only=options.arches)
            lines += changes(lock.locked.path, lock.kind, lock.locked.content, text)
            if text != lock.locked.content:
                write_atomic(session.root / lock.locked.path, text.encode(), durable=True)
    return tuple(lines)


def check(options: BuildOptions, patterns: Sequence[str], sink: EventSink) -> tuple[str, ...]:
    """Raise LockError where a lock does not hold what its target asks for. Needs no network."""
    del sink
    with open_session(options) as session:
        checked = []
        for lock in _locks(session, patterns):
            for problem in lock.kind.check(lock.locked.request, lock.locked.content):
                position = Position(file=lock.locked.path, line=problem.line, line_text=_line(lock.locked.content, problem.line))
                raise LockError(problem.message, position=position, hint=problem.hint, label=lock.label)
            checked.append(f"{lock.locked.path}: up to date with {lock.label}")
    return tuple(checked)


def diff(options: BuildOptions, patterns: Sequence[str], sink: EventSink) -> tuple[str, ...]:
    """What an update would change."""
    lines: list[str] = []
    with open_session(options) as session:
        download = download_of(session)
        for lock in _locks(session, patterns):
            sink.emit(Notice(text=f"resolving {lock.locked.path}"))
            text = lock.kind.update(lock.locked.request, lock.locked.content, download, only=options.arches)
            lines += changes(lock.locked.path, lock.kind, lock.locked.content, text)
    return tuple(lines)


def download_of(session: Session) -> Download:
    """What a resolver reads with: the fetcher, and `workspace:` for files that are here already (an OCI layout's)."""
    fetcher = make_http_fetcher(session)

    def download(sources: tuple[str, ...], *, sha256: str | None, size: int | None, limit: int) -> bytes:
        kind, _, path = sources[0].partition(":")
        if kind == "archive":
            return _of_archive(session.root, path, limit)
        if kind != "workspace":
            return fetcher.read(sources, sha256=sha256, size=size, limit=limit)
        with (session.root / path).open("rb") as file:
            return file.read(limit)

    return download


def _of_archive(root: Path, text: str, limit: int) -> bytes:
    """A member of a tar, or the list of all. Raises LockError for a file that is none."""
    path, _, name = text.partition("!")
    try:
        with tarfile.open(root / path) as tar:
            if name:
                opened = tar.extractfile(name)
                return opened.read(limit) if opened else b""
            members = {posixpath.normpath(item.name): item for item in tar}
            listed = {}
            for place, item in members.items():
                folder = posixpath.dirname(place) if item.issym() else ""
                linked = item.issym() or item.islnk()
                there = members[posixpath.normpath(posixpath.join(folder, item.linkname))] if linked else item
                listed[place] = (there.name, there.size)
            return json.dumps(listed).encode()
    except (OSError, KeyError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LockError(f"{path} can't be read as an archive: {reason}", hint="`docker save` writes one") from None


def _locks(session: Session, patterns: Sequence[str]) -> Iterator[_Lock]:
    selected = select(session, patterns or ("//...",))
    candidates = [item for item in selected if patterns or session.loader.target(item.node.label).attrs.get("lock") is not None]
    analyses = analyze(session, candidates)
    found: set[str] = set()
    for item in candidates:
        locked = analyses.by_node[item.node].get(Locked)
        if locked is not None and locked.path not in found:  # of several architectures it is one lock
            found.add(locked.path)
            yield _Lock(item.text, locked, KINDS[locked.kind])
    if not found:
        raise LockError("no target with a lock file was selected", hint="name a target whose rule keeps a lock file")


def changes(path: str, kind: LockKind, old: str, new: str) -> list[str]:
    """What is another in a lock, one line each."""
    return [f"{path}: {change}" for change in kind.diff(old, new)] if old.strip() else [f"{path}: new"]


def _line(content: str, number: int) -> str | None:
    lines = content.split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else None
