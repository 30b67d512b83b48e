"""Places between two steps of long work where it may be stopped. Does not know who stops it, nor what the work is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lkbuild.base.errors import Interrupted

#: Is called between two steps; raises Interrupted where there is to be no other.
Checkpoint: TypeAlias = Callable[[], None]


def onward() -> None:
    """The checkpoint of what is never stopped."""


def checkpoint(cancelled: Callable[[], bool]) -> Checkpoint:
    """One that stops the work as soon as `cancelled` says so."""

    def check() -> None:
        if cancelled():
            raise Interrupted("stopped; what was built is kept")

    return check
