"""What verbs that build have in common: progress while it runs, then errors, summary, results, exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from lkbuild.cli.progress import progress
from lkbuild.cli.render import render_error
from lkbuild.cli.signals import orderly
from lkbuild.cli.summary import around_duration, summary
from lkbuild.model.events import BuildFinished

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions
    from lkbuild.app.snapshot import Snapshot
    from lkbuild.base.snapshot_format import Said
    from lkbuild.cli.console import Style
    from lkbuild.cli.invocation import Invocation
    from lkbuild.model.events import Event, EventSink
    from lkbuild.model.report import BuildReport


def watched(
    invocation: Invocation, use_case: Callable[[BuildOptions, EventSink], BuildReport], options: BuildOptions | None = None
) -> BuildReport:
    """Run a use case with progress on stderr and with Ctrl-C in order. `options`: where they were made already."""
    options = options or invocation.options()
    with orderly(options.cancel), _told(invocation, options) as sink:
        return use_case(options, sink)


@contextlib.contextmanager
def _told(invocation: Invocation, options: BuildOptions) -> Iterator[EventSink]:
    """Progress, and the files of events and metrics where they are wanted."""
    metrics = None
    with contextlib.ExitStack() as stack:
        sinks: list[EventSink] = [stack.enter_context(progress(invocation.console, verbose=options.verbose))]
        if options.events is not None:
            from lkbuild.app.event_file import event_file  # noqa: PLC0415 - seldom wanted

            sinks.append(stack.enter_context(event_file(options.events, options.invocation)))
        if options.metrics is not None:
            from lkbuild.app.metrics_file import MetricsFile  # noqa: PLC0415 - seldom wanted

            metrics = MetricsFile(options.metrics)
            sinks.append(metrics)
        yield sinks[0] if len(sinks) == 1 else _tee(sinks)
    if metrics is not None and metrics.failure is not None:
        invocation.console.note(metrics.failure)


def _tee(sinks: Sequence[EventSink]) -> EventSink:
    from lkbuild.app.event_sinks import Tee  # noqa: PLC0415 - seldom wanted

    return Tee(*sinks)


@contextlib.contextmanager
def build_phase(invocation: Invocation, options: BuildOptions) -> Iterator[EventSink]:
    """Progress and an orderly Ctrl-C up to the event that ends the build: what runs then has the terminal and its signals."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(orderly(options.cancel))
        yield _Until(stack.enter_context(_told(invocation, options)), stack.close)


class _Until:
    """Passes events on; the last one closes the display."""

    def __init__(self, sink: EventSink, close: Callable[[], None]) -> None:
        self._sink, self._close = sink, close

    def emit(self, event: Event) -> None:
        """Take one event. BuildFinished comes from the main thread, as signal handlers want."""
        self._sink.emit(event)
        if isinstance(event, BuildFinished):
            self._close()


def snapshot_of(invocation: Invocation) -> Snapshot:
    """What the build about to begin looks at, for the next one's fast path."""
    from lkbuild.app.snapshot import Snapshot  # noqa: PLC0415 - not for --help

    return Snapshot(invocation.options(), invocation.key)


def remember(invocation: Invocation, snapshot: Snapshot, results: Callable[[BuildReport], Sequence[str]]) -> None:
    """Keep what the next build may say if nothing changes. `results`: the lines of a report on stdout."""
    report = snapshot.next_report
    snapshot.save(texts_of(invocation, report, results(report), invocation.console.style) if report else None)


def texts_of(invocation: Invocation, report: BuildReport, results: Sequence[str], style: Style) -> Said:
    """What is said of a report on stdout and stderr, around the place of the time taken."""
    console = invocation.console
    before, after = ("", "") if console.quiet else around_duration(report, style)
    if console.json:
        text = console.json_text(report.to_json())
        mark = '"elapsed_s": '
        head, _, rest = text.partition(mark)
        _, comma, tail = rest.partition(",")
        stdout = (_bytes(head + mark), _bytes(comma + tail))
    else:
        stdout = (_bytes("\n".join([*results, ""])), b"")
    return stdout, (_bytes(before), _bytes("" if console.quiet else f"{after}\n"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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
        console.results(paths(report))
    return report.exit_code


def paths(report: BuildReport) -> list[str]:
    """Where the outputs are."""
    return [path for path, _, _, _ in report.written()]
