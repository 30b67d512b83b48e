"""Ends calls that make no progress: gRPC's deadlines are total, and a total deadline is wrong for a blob of any size (bazel#16587).

Does not know what a call is: something that can be cancelled.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Cancellable(Protocol):
    """A call in flight."""

    def cancel(self) -> object:
        """End it from any thread."""
        ...


@dataclass(slots=True)
class Watched:
    """A call under watch; `fired`: it was ended for being quiet."""

    due: float
    fired: bool = False


class Watchdog:
    """Watches any number of calls with one thread, which lives while there are calls."""

    def __init__(self, quiet_s: float) -> None:
        """`quiet_s`: a call that is not touched for so long is cancelled."""
        self._quiet = quiet_s
        self._calls: dict[int, tuple[Watched, Cancellable]] = {}
        self._changed = threading.Condition()
        self._running = False

    @contextlib.contextmanager
    def over(self, call: Cancellable) -> Iterator[Watched]:
        """Watch a call for the length of a block."""
        watched = Watched(time.monotonic() + self._quiet)
        with self._changed:
            self._calls[id(watched)] = (watched, call)
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="remote-watchdog", daemon=True).start()
        try:
            yield watched
        finally:
            with self._changed:
                del self._calls[id(watched)]
                self._changed.notify()

    def touch(self, watched: Watched) -> None:
        """The call has made progress."""
        watched.due = time.monotonic() + self._quiet

    def _watch(self) -> None:
        with self._changed:
            while self._calls:
                now = time.monotonic()
                for watched, call in self._calls.values():
                    if watched.due <= now and not watched.fired:
                        watched.fired = True
                        call.cancel()
                due = [watched.due for watched, _ in self._calls.values() if not watched.fired]
                # A call under watch may be touched without our being told: that only makes this a wake-up too early.
                self._changed.wait(max(0.001, min(due) - now) if due else self._quiet)
            self._running = False
