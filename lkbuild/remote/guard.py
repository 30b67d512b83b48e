"""Between us and a remote that misbehaves: tries again with jitter, and stops asking one that is down.

A circuit breaker per remote: what is still unavailable after the last try opens it, and nothing is asked until a pause is over; then one
request is let through, and its outcome decides. Each way of failing is told once. Does not know what is asked.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import field
from typing import Final, TypeVar

from lkbuild.base.values import dataclass
from lkbuild.remote.faults import Denied, Fault, Unavailable

T = TypeVar("T")

TRIES: Final = 4
#: Of what must be had from a remote, since nobody else has it: a minute and more, in which its machines or its database start again.
PATIENT_TRIES: Final = 40
#: A try that ended by a time-out counts as so many: who waits for a slow server waits as long for each.
_SLOW: Final = 2
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
#: How long a remote that failed is left alone; doubled each time that it fails again.
_REST_S: Final = 30.0
_LONGEST_REST_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """Clock, sleep and chance: tests pass their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)


class Open(Fault):
    """The remote is being left alone."""


class Guard:
    """Guards one remote. Safe to use from many threads."""

    def __init__(self, tell: Callable[[str], None], cancelled: Callable[[], bool], clock: Time, tries: int = TRIES) -> None:
        """`tell` gets one line when the remote is given up. `cancelled`: nobody waits any more. `tries`: of anything, at most."""
        self._tell, self._cancelled, self._time = tell, cancelled, clock
        self.tries = tries
        self._lock = threading.Lock()
        self._rest = _REST_S
        self._open_until: float | None = None
        self._told: set[type[Fault]] = set()

    def ask(self, act: Callable[[], T], *, tries: int | None = None, advanced: Callable[[], bool] = lambda: False) -> T:
        """Do it, again where that may help; `advanced`: whether the last try got further, which makes it no failure in a row.

        Raises:
            Fault: what it came to; Open where it was not even asked.
        """
        trial = self._admit()
        failures = 0
        while True:
            try:
                answer = act()
            except Unavailable as fault:
                failures = 0 if advanced() else failures + (_SLOW if fault.slow else 1)
                if self._cancelled():
                    raise
                if trial or failures >= (tries or self.tries):
                    self._fail(fault)
                    raise
                self._time.sleep(self._pause(failures, fault.after_s))
            except Fault as fault:
                self._close()  # it is there, at least
                if isinstance(fault, Denied):
                    self.tell_once(fault)
                raise
            else:
                self._close()
                return answer

    def tell_once(self, fault: Fault) -> None:
        """Say what happened, the first time that something of its kind happens; nothing once a stop was asked for: that is our doing."""
        if self._cancelled():
            return
        with self._lock:
            if type(fault) in self._told:
                return
            self._told.add(type(fault))
        self._tell(str(fault))

    def _pause(self, failures: int, wanted: float) -> float:
        """Exponential, with half of it left to chance so that many clients do not come back at once."""
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** max(0, failures - 1))
        return max(min(wanted, _LONGEST_PAUSE_S), longest * (0.5 + self._time.chance() / 2))

    def _admit(self) -> bool:
        """Whether this is the one request that finds out if the remote is back. Raises Open."""
        if self._cancelled():
            raise Open("nobody waits for it")
        with self._lock:
            if self._open_until is None:
                return False
            if self._time.now() < self._open_until:
                raise Open("it is left alone")
            self._open_until = self._time.now() + self._rest  # others wait for what comes of this one
            return True

    def _fail(self, fault: Fault) -> None:
        with self._lock:
            if self._open_until is not None:
                self._rest = min(self._rest * 2, _LONGEST_REST_S)
            self._open_until = self._time.now() + self._rest
        self.tell_once(fault)

    def _close(self) -> None:
        with self._lock:
            self._open_until, self._rest = None, _REST_S
