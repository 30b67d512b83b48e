"""Where rules print to: stderr, because stdout is for results. Does not know what is printed, nor what a rule is."""

from __future__ import annotations

import sys
import threading
from typing import Final, TextIO


class _Aside:
    """A block in which `sys.stdout` is stderr. Threads may be in it at once and leave in any order: the last one puts stdout back.

    contextlib.redirect_stdout remembers for each what it found, so that of two that overlap the second would put stderr back.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._inside = 0
        self._stdout: TextIO = sys.stdout

    def __enter__(self) -> None:
        with self._guard:
            if not self._inside:
                self._stdout, sys.stdout = sys.stdout, sys.stderr
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            self._inside -= 1
            if not self._inside:
                sys.stdout = self._stdout


ASIDE: Final = _Aside()
