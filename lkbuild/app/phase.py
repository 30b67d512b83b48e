"""The part of a command that builds: its end is told, however it ends. Does not know what is built."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from lkbuild.model.events import BuildFinished, EventSink


@contextlib.contextmanager
def building(sink: EventSink) -> Iterator[None]:
    """The block builds: its end is the last event of the build, and an exception that leaves it means that it failed."""
    started, ok = time.monotonic(), False
    try:
        yield
        ok = True
    finally:
        sink.emit(BuildFinished(ok=ok, seconds=time.monotonic() - started))
