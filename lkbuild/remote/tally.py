"""Counts what is asked of a remote and what comes of it. Safe to use from many threads; knows no protocol."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import field

from lkbuild.base.values import dataclass
from lkbuild.model.ports import ANSWER_SECONDS, PeerUse


@dataclass(slots=True)
class Tally:
    """Of one remote: requests that were answered or given up, the bytes of their messages, how long answers took, results that it had."""

    name: str = ""
    requests: int = 0
    failures: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    hits: int = 0
    misses: int = 0
    answers: list[int] = field(default_factory=lambda: [0] * (len(ANSWER_SECONDS) + 1))
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, up: int = 0, down: int = 0, failures: int = 0) -> None:
        """Count what goes over the wire."""
        with self._lock:
            self.requests += requests
            self.bytes_up += up
            self.bytes_down += down
            self.failures += failures

    def found(self, *, hits: int, asked: int) -> None:
        """Count results that were asked for."""
        with self._lock:
            self.hits += hits
            self.misses += asked - hits

    def answered(self, seconds: float) -> None:
        """Count an answer. What comes as a stream is none: it takes as long as its bytes are many."""
        with self._lock:
            self.answers[bisect_left(ANSWER_SECONDS, seconds)] += 1
            self.seconds += seconds

    def use(self) -> PeerUse:
        """What it came to so far."""
        with self._lock:
            return PeerUse(
                url=self.name,
                requests=self.requests,
                failures=self.failures,
                bytes_up=self.bytes_up,
                bytes_down=self.bytes_down,
                hits=self.hits,
                misses=self.misses,
                answers=tuple(self.answers),
                answer_seconds=self.seconds,
            )
