"""What `lkbuild watch` shows: a line for each round that did something, errors once, nothing for what came to nothing."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lkbuild.cli.console import Console
from lkbuild.cli.outcome import paths
from lkbuild.cli.progress import progress
from lkbuild.cli.render import printable, render_error
from lkbuild.cli.signals import orderly
from lkbuild.cli.summary import summary

if TYPE_CHECKING:
    from lkbuild.app.cancel import Cancel
    from lkbuild.app.watching.display import Round
    from lkbuild.model.events import EventSink

#: How many paths a line names.
_NAMED: Final = 3


class WatchDisplay:
    """The `Display` of a watch, on a console."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console, self._verbose = console, verbose

    @contextlib.contextmanager
    def building(self, cancel: Cancel) -> Iterator[EventSink]:
        """Progress of one build."""
        with orderly(cancel), progress(self._console, verbose=self._verbose) as sink:
            yield sink

    def built(self, done: Round) -> None:
        """Errors and one line on stderr; on stdout the outputs that changed, or an object on one line."""
        console = self._console
        for error in done.report.errors:
            console.stderr.write(render_error(error, console.style))
        console.note(line_of(done, console))
        if console.json:
            told = {**done.report.to_json(), "changed": list(done.changed), "changed_outputs": list(done.outputs)}
            told["latency_s"] = None if done.latency_s is None else round(done.latency_s, 3)
            console.json_line(told)
        else:
            for path in paths(done.report) if done.first else done.outputs:
                console.result(path)
        console.stderr.flush()
        console.stdout.flush()

    def unchanged(self, touched: Sequence[str]) -> None:
        """Nothing, unless more was asked for."""
        if self._verbose and touched:
            self._console.note(f"{named(touched)}: nothing to do")

    def watching(self, directories: int) -> None:
        """Say that it waits."""
        self._console.note(f"watching {directories} directories; Ctrl-C ends it")


def line_of(done: Round, console: Console) -> str:
    """`pkg/a.conf, pkg/b +3 more: built 3 · 0.31 s · 0.36 s from the save`."""
    what = f"{named(done.changed)}: " if done.changed else ""
    latency = "" if done.latency_s is None else f" · {done.latency_s:.2f} s from the save"
    return f"{what}{summary(done.report, console.style)}{latency}"


def named(names: Sequence[str]) -> str:
    """The first few of some paths."""
    more = f" +{len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(printable(name) or "." for name in names[:_NAMED]) + more


@contextlib.contextmanager
def until_hangup() -> Iterator[None]:
    """A terminal that goes away ends a watch like Ctrl-C: what it has started is in groups of its own and would stay."""
    previous = signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, previous)
