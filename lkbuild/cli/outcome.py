"""What verbs that build have in common: progress while it runs, then errors, summary, results, exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lkbuild.cli.progress import progress
from lkbuild.cli.render import render_error
from lkbuild.cli.signals import orderly
from lkbuild.cli.summary import summary
from lkbuild.model.events import BuildFinished

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions
    from lkbuild.cli.invocation import Invocation
    from lkbuild.model.events import Event, EventSink
    from lkbuild.model.report import BuildReport


def watched(invocation: Invocation, use_case: Callable[[BuildOptions, EventSink], BuildReport]) -> BuildReport:
    """Run a use case with progress on stderr and with Ctrl-C in order."""
    options = invocation.options()
    with orderly(options.cancel), progress(invocation.console, verbose=options.verbose) as sink:
        return use_case(options, sink)


@contextlib.contextmanager
def build_phase(invocation: Invocation, options: BuildOptions) -> Iterator[EventSink]:
    """Progress and an orderly Ctrl-C up to the event that ends the build: what runs then has the terminal and its signals."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(orderly(options.cancel))
        yield _Until(stack.enter_context(progress(invocation.console, verbose=options.verbose)), stack.close)


class _Until:
    """Passes events on; the last one closes the display."""

    def __init__(self, sink: EventSink, close: Callable[[], None]) -> None:
        self._sink, self._close = sink, close

    def emit(self, event: Event) -> None:
        """Take one event. BuildFinished comes from the main thread, as signal handlers want."""
        self._sink.emit(event)
        if isinstance(event, BuildFinished):
            self._close()


def show(invocation: Invocation, report: BuildReport, *, outputs: bool = True) -> int:
    """Errors and the summary on stderr; on stdout the outputs' paths, one a line, or the report as one JSON object."""
    console = invocation.console
    for error in report.errors:
        console.stderr.write(render_error(error, console.style))
    console.note(summary(report, console.style))
    console.stderr.flush()
    if console.json:
        console.json_result(report.to_json())
    elif outputs:
        for target in report.targets:
            for output in target.outputs:
                console.result(output.path)
    return report.exit_code
