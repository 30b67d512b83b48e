"""Progress for pipes and logs: a line for each action that ran, a sign of life for long ones, no cursor movement."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from lkbuild.cli.console import Style
from lkbuild.cli.progress.tally import Running, Snapshot, Tally
from lkbuild.cli.quantities import about, duration, size
from lkbuild.cli.render import printable
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, ActionOutput, ActionStarted, BuildStarted, Event, Notice

#: Continuous integration systems end jobs that say nothing for ten minutes; once a minute is alive and no noise.
HEARTBEAT_S: Final = 60.0

_VERDICTS: Final = {Source.FAILED: ("FAILED", "red"), Source.SKIPPED: ("skipped", "yellow")}


class PlainSink:
    """Writes whole lines, one at a time, from whatever thread an event comes."""

    def __init__(
        self,
        stream: TextIO,
        style: Style,
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._stream, self._paint, self._verbose = stream, style, verbose
        self._tally = Tally(clock)
        self._heartbeat_s = heartbeat_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._tally.add(event)
        match event:
            case BuildStarted():
                self._started(event)
            case ActionStarted():
                self._watch()
                if self._verbose:
                    self._line(f"{self._counter()} start: {printable(event.info.message)}{_expectation(event.expected_seconds)}")
            case ActionOutput() if self._verbose:
                for line in event.lines:
                    self._line(f"{event.info.label}: {printable(line)}")
            case ActionFinished():
                self._finished(event)
            case Notice():
                self._line(f"{self._paint('note:', 'yellow')} {printable(event.text)}")
            case _:
                pass

    def beat(self) -> None:
        """Say what has been running for longer than a heartbeat."""
        for running in self._tally.snapshot().running:
            if running.elapsed >= self._heartbeat_s:
                said = f": {printable(running.said)}" if running.said else ""
                self._line(f"still running: {printable(running.info.message)} ({state(running)}){said}")

    def _started(self, event: BuildStarted) -> None:
        if self._verbose:
            self._line(f"{event.actions} actions for {', '.join(event.targets)}")

    def _finished(self, event: ActionFinished) -> None:
        if event.info is None or not (self._verbose or event.source in (Source.EXECUTED, *_VERDICTS)):
            return
        verdict, color = _VERDICTS.get(event.source, (event.source.value.replace("_", " "), "cyan"))
        prefix = "" if event.source is Source.EXECUTED else f"{self._paint(verdict, color)}: "
        self._line(f"{self._counter()} {duration(event.seconds)} {prefix}{printable(event.info.message)}")

    def _counter(self) -> str:
        now: Snapshot = self._tally.snapshot()
        return f"[{now.finished}/{max(now.planned, now.finished)}]"

    def _line(self, text: str) -> None:
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self._over.set()  # nobody reads progress any more: no reason to end the build

    def _watch(self) -> None:
        """Start the heartbeat with the first action: a build without actions has no thread."""
        with self._lock:
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
                self._thread.start()

    def _beat_on(self) -> None:
        while not self._over.wait(self._heartbeat_s):
            self.beat()


def state(running: Running) -> str:
    """`12.0 s, ~33 s left` and, for a fetch, `4.0 MiB of 9.0 MiB`."""
    parts = []
    if running.done or running.total:
        parts.append(size(running.done) + (f" of {size(running.total)}" if running.total else ""))
    parts.append(duration(running.elapsed))
    if running.remaining is not None:
        parts.append(f"{about(running.remaining)} left")
    return ", ".join(parts)


def _expectation(seconds: float | None) -> str:
    return "" if seconds is None or seconds < 1 else f" ({about(seconds)} last time)"
