"""Ends calls that make no progress: gRPC's deadlines are total, and a total deadline is wrong for a blob of any size (bazel#16587).

Does not know what a call is: something that can be cancelled.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from lkbuild.base.values import dataclass

_TICK_S: Final = 0.1
_IDLE_TICKS: Final = 10


class Cancellable(Protocol):
    """A call in flight."""

    def cancel(self) -> object:
        """End it from any thread."""
        ...


@dataclass(slots=True)
class Watched:
    """A call under watch; `fired`: it was ended for being quiet."""

    due: float
    cancelled: Callable[[], bool]
    fired: bool = False


class Watchdog:
    """Watches any number of calls with one thread, which lives while there are calls and a moment longer."""

    def __init__(self, quiet_s: float, cancelled: Callable[[], bool] = lambda: False) -> None:
        """`quiet_s`: a call that is not touched for so long is cancelled. `cancelled`: all are, as soon as it says so."""
        self._quiet, self._cancelled = quiet_s, cancelled
        self._calls: dict[int, tuple[Watched, Cancellable]] = {}
        self._changed = threading.Condition()
        self._running = False

    @contextlib.contextmanager
    def over(self, call: Cancellable, cancelled: Callable[[], bool] | None = None) -> Iterator[Watched]:
        """Watch a call for the length of a block; with `cancelled`, that ends it and not what ends all."""
        watched = Watched(time.monotonic() + self._quiet, cancelled or self._cancelled)
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

    def touch(self, watched: Watched) -> None:
        """The call has made progress."""
        watched.due = time.monotonic() + self._quiet

    def _watch(self) -> None:
        with self._changed:
            idle = 0
            while idle < _IDLE_TICKS:
                idle = 0 if self._calls else idle + 1
                now = time.monotonic()
                for watched, call in self._calls.values():
                    if not watched.fired and (watched.due <= now or watched.cancelled()):
                        watched.fired = True
                        call.cancel()
                self._changed.wait(_TICK_S)  # nobody notifies: who asks for a stop may be in a signal handler
            self._running = False
