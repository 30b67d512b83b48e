"""Progress of a build on stderr: one sink for terminals, one for pipes, one for silence. Events in, lines out.

Rich is imported by the terminal's sink alone, and only once a build has taken longer than a glance: a no-op build never pays for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lkbuild.cli.console import Console

if TYPE_CHECKING:
    from lkbuild.model.events import EventSink


@contextlib.contextmanager
def progress(console: Console, *, verbose: bool = False) -> Iterator[EventSink]:
    """The sink that fits the console; when the block ends, the display is gone and its threads with it."""
    if console.quiet:
        from lkbuild.cli.progress.quiet import QuietSink  # noqa: PLC0415 - one of three

        yield QuietSink()
    elif console.live and not verbose:
        from lkbuild.cli.progress.live import LiveSink  # noqa: PLC0415 - the same

        with LiveSink(console.stderr, console.style) as live:
            yield live
    else:
        from lkbuild.cli.progress.plain import PlainSink  # noqa: PLC0415 - the same

        with PlainSink(console.stderr, console.style, verbose=verbose) as plain:
            yield plain
