"""Builds that other terminals ask a watch for: each command line has a workspace of its own in memory, and what it said last.

Where nothing that such a build looked at or wrote was touched since, what it said is said again, without a look at any file. Else
it is built again, and what did not change is neither loaded nor analysed. What can't be done here (an error before the execution, an
option that a resident build does not have) is left to the asker, whose ordinary way needs nobody.
Does not know the command line: `Dialogue` does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from lkbuild.app.cancel import Cancel
from lkbuild.app.event_sinks import Silent
from lkbuild.app.options import BuildOptions, new_invocation
from lkbuild.app.snapshot import with_members
from lkbuild.app.watching.interest import Interest
from lkbuild.app.watching.observer import Interests, Observer
from lkbuild.app.watching.resident import Resident
from lkbuild.app.watching.server import Request, Server
from lkbuild.base.errors import HostError, LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.action import Source
from lkbuild.model.events import EventSink
from lkbuild.model.report import BuildReport

if TYPE_CHECKING:
    from lkbuild.base.snapshot_format import Said

#: So many command lines are kept in memory, the last used.
KEPT: Final = 4
#: After a build it is looked again until nothing moves, and no more often than that.
_LOOKS: Final = 3

UseCase: TypeAlias = Callable[[BuildOptions, EventSink], BuildReport]


class Dialogue(Protocol):
    """A command line of another terminal."""

    options: BuildOptions
    patterns: tuple[str, ...]

    def run(self, use_case: UseCase) -> tuple[int, bytes]:
        """Run with progress on its stderr; exit code and stdout. Raises LkbuildError for what the asker shall find out by itself."""
        ...

    def texts(self, report: BuildReport) -> Said:
        """What it says of a report on stdout and stderr, around the place of the time taken."""
        ...

    def said(self, texts: Said, seconds: float) -> tuple[bytes, bytes]:
        """The same with the time taken in its place."""
        ...


@dataclass(slots=True)
class _Kept:
    resident: Resident
    dialogue: Dialogue
    texts: Said | None = None


class Host:
    """Answers askers of one workspace, one at a time."""

    def __init__(self, server: Server, root: Path, open_dialogue: Callable[[Request], Dialogue]) -> None:
        """`open_dialogue` raises LkbuildError for a command line that is not to be obeyed here."""
        self.server = server
        self._root = root
        self._open = open_dialogue
        self._kept: dict[tuple[Any, ...], _Kept] = {}

    def serve(self, observer: Observer) -> None:
        """Answer whoever asks; returns when nobody does."""
        while (request := self.server.next()) is not None:
            try:
                self._serve(request, observer)
            finally:
                request.close()

    def _serve(self, request: Request, observer: Observer) -> None:
        began = time.monotonic()
        observer.drain()
        kept = self._kept.get(request.key)
        if kept is not None and kept.texts is not None and not observer.touched(request.key):
            stdout, stderr = kept.dialogue.said(kept.texts, time.monotonic() - began)
            request.answer(0, stdout, stderr, known=True)
            return
        try:
            request.accept()
            dialogue = self._open(request)
            kept = self._resident(request, dialogue, observer)
            if kept is None:
                return
            request.listen(dialogue.options.cancel)
            kept.resident.take(observer.take(request.key))
            code, stdout = dialogue.run(kept.resident.attempt)
        except Exception:  # noqa: BLE001 - whatever it is, the asker meets it too, and has the words for it
            self._drop(request.key, observer)
            return
        request.answer(code, stdout)
        kept.resident.keep(dialogue.texts)
        try:
            if code == 0:
                self._settle(request.key, kept, observer)
            elif observer.observe(kept.resident.interests, request.key):
                kept.resident.forget()
        except HostError:  # no room for so many watches: it is loaded anew at each request
            self._drop(request.key, observer)
        except LkbuildError:
            return

    def _resident(self, request: Request, dialogue: Dialogue, observer: Observer) -> _Kept | None:
        kept = self._kept.pop(request.key, None)
        if kept is None:
            resident = Resident(dialogue.options, dialogue.patterns, request.command)
            if resident.root != self._root:
                return None
            kept = _Kept(resident, dialogue)
        while len(self._kept) >= KEPT:
            self._drop(next(iter(self._kept)), observer)
        kept.dialogue, kept.texts = dialogue, None
        self._kept[request.key] = kept
        return kept

    def _drop(self, key: tuple[Any, ...], observer: Observer) -> None:
        self._kept.pop(key, None)
        observer.forget(key)

    def _settle(self, key: tuple[Any, ...], kept: _Kept, observer: Observer) -> None:
        """Look again until a look finds everything as it was, under watches that were set before: then it can be said again."""
        root = str(self._root)
        for _ in range(_LOOKS):
            observer.drain()
            kept.resident.take(observer.take(key))
            options = replace(kept.dialogue.options, cancel=Cancel(), events=None, metrics=None, invocation=new_invocation())
            report = kept.resident.attempt(options, Silent())
            kept.resident.keep(kept.dialogue.texts)
            written = [*with_members(report.written())]
            found = kept.resident.interests
            sources = found.sources | Interest.of(root, _with_parents(written, root))
            if observer.observe(Interests(sources, found.loaded, found.rules), key):
                kept.resident.forget()
                continue
            observer.drain()
            if not observer.touched(key):
                inside = all(path.startswith(f"{root}/") for path in written)
                if inside and report.ok and not set(report.counts) - {Source.UP_TO_DATE}:
                    kept.texts = kept.dialogue.texts(report)
                return


def _with_parents(paths: Iterable[str], root: str) -> Iterator[str]:
    """What was written, and the directories above it: one of them may be moved away."""
    seen: set[str] = set()
    for path in paths:
        yield path
        folder = path.rpartition("/")[0]
        while folder not in seen and folder.startswith(f"{root}/"):
            seen.add(folder)
            yield folder
            folder = folder.rpartition("/")[0]
