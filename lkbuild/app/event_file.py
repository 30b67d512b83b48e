"""`--events FILE`: what happens in a build, one JSON object a line, as it happens. docs/format/events.md is the promise.

Does not know what is displayed. A file that can't be written any more ends the events, not the build.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from lkbuild import __version__
from lkbuild.base.errors import UsageError
from lkbuild.model.action import ActionInfo
from lkbuild.model.events import ActionFinished, ActionStarted, BuildFinished, BuildStarted, Event, Notice, TestFinished
from lkbuild.model.report import use_json

EVENTS_VERSION: Final = 1
#: How every file of events begins.
_FIRST: Final = b'{"event": "started"'


@contextlib.contextmanager
def event_file(path: Path, invocation: str) -> Iterator[EventFile]:
    """A sink that writes to a file, in the place of earlier events, or to a pipe that is there.

    Raises:
        UsageError: it can't be opened, or holds something else, which stays.
    """
    if path.name == "-":  # stdout has results only
        raise UsageError("--events names a file, and '-' is none", hint="--events /dev/stderr shows events among the progress")
    stream = path.parts[1:3] in (("dev", "stdout"), ("dev", "stderr"), ("dev", "fd"), ("proc", "self"))
    try:
        if not stream and _is_foreign(path):
            raise UsageError(f"{path} holds something else than events of lkbuild", hint="give a file of its own")
        # /dev/stderr may be a log, of which the beginning counts, too.
        file = path.open("a" if stream else "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as error:
        raise UsageError(
            f"can't write events to {path}: {error.strerror}", hint="--events FILE names a file in a folder that exists"
        ) from error
    sink = EventFile(file, invocation)
    try:
        yield sink
    finally:
        sink.close()


def _is_foreign(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(_FIRST))
    return not _FIRST.startswith(start)  # which a full disk may have cut


class EventFile:
    """Writes events as lines. Safe to use from many threads."""

    def __init__(self, file: TextIO, invocation: str) -> None:
        """Write the first line: which build this is."""
        self._file = file
        self._broken = False
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._write("started", version=EVENTS_VERSION, invocation=invocation, time=round(time.time(), 3), lkbuild=__version__)

    def emit(self, event: Event) -> None:
        """Take one event."""
        match event:
            case BuildStarted():
                self._write("configured", targets=list(event.targets), actions=event.actions)
            case ActionStarted():
                self._write("action_started", **_named(event.info), expected_s=event.expected_seconds)
            case ActionFinished():
                self._finished(event)
            case TestFinished():
                self._write("test", label=event.label, configuration=event.configuration, state=event.state, log=event.log)
            case Notice():
                self._write("notice", text=event.text)
            case BuildFinished():
                self._write("finished", ok=event.ok, seconds=round(event.seconds, 3), counts=self._counts, remote=use_json(event.remote))
            case _:
                pass  # bytes of a download, what commands write: for displays

    def close(self) -> None:
        """No more lines."""
        with self._lock, contextlib.suppress(OSError):
            self._broken = True
            self._file.close()

    def _finished(self, event: ActionFinished) -> None:
        source = event.source.value
        with self._lock:
            self._counts[source] = self._counts.get(source, 0) + event.count
        if event.info is None:
            self._write("actions", source=source, count=event.count)
        else:
            self._write("action", **_named(event.info), source=source, reason=event.reason, seconds=round(event.seconds, 6))

    def _write(self, kind: str, **values: Any) -> None:
        at = round(time.monotonic() - self._began, 6)
        line = json.dumps({"event": kind, "at": at, **values}, ensure_ascii=False) + "\n"
        with self._lock:
            if self._broken:
                return
            try:
                self._file.write(line)
            except (OSError, ValueError):
                self._broken = True


def _named(info: ActionInfo) -> dict[str, Any]:
    return {"action": str(info.id), "label": info.label, "mnemonic": info.mnemonic}
