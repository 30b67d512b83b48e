"""Counts what goes over the wire to a remote. Safe to use from many threads; knows no protocol."""

from __future__ import annotations

import threading
from dataclasses import field

from lkbuild.base.values import dataclass


@dataclass(slots=True)
class Tally:
    """Requests that were answered or given up, and the bytes of their messages."""

    requests: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, up: int = 0, down: int = 0) -> None:
        """Count."""
        with self._lock:
            self.requests += requests
            self.bytes_up += up
            self.bytes_down += down
