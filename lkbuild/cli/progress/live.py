"""Progress on a terminal: what runs now, for how long, how much is left; redrawn in place by rich.

Rich costs 100 ms to import: it is imported by the display's own thread, and only when a build has lasted for GLANCE_S seconds.
All drawing happens in that thread; an event only adds to the tally.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from lkbuild.cli.console import Style
from lkbuild.cli.progress.plain import state
from lkbuild.cli.progress.tally import Running, Snapshot, Tally
from lkbuild.cli.quantities import about, duration, size
from lkbuild.cli.render import printable
from lkbuild.cli.summary import COUNTED
from lkbuild.model.action import Source
from lkbuild.model.events import ActionFinished, ActionProgress, ActionStarted, BuildFinished, Event, Notice

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

GLANCE_S: Final = 0.2
_FRAME_S: Final = 0.125
#: Rows of running actions; more are counted in one row.
_ROWS: Final = 12


class LiveSink:
    """A display that exists from the first glance to the end of the block, then leaves nothing behind."""

    def __init__(self, stream: TextIO, style: Style, *, clock: Callable[[], float] = time.monotonic, glance_s: float = GLANCE_S) -> None:
        self._stream, self._style, self._glance_s = stream, style, glance_s
        self._tally = Tally(clock)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._notices: deque[str] = deque()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was: at the end of the build, before what `lkbuild run` starts takes it over."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        while self._notices:
            self._stream.write(self._notices.popleft() + "\n")
        self._stream.flush()

    def emit(self, event: Event) -> None:
        """Take one event."""
        self._tally.add(event)
        if isinstance(event, Notice):
            self._notices.append(f"{self._style('note:', 'yellow')} {printable(event.text)}")
        elif isinstance(event, ActionFinished) and event.source is Source.FAILED and event.info is not None:
            self._notices.append(f"{self._style('FAILED', 'red')} {printable(event.info.message)} ({duration(event.seconds)})")
        elif isinstance(event, ActionStarted | ActionProgress):
            self._show()
        elif isinstance(event, BuildFinished):
            self.close()

    def _show(self) -> None:
        with self._lock:
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
                self._thread.start()

    def _draw(self) -> None:
        if self._over.wait(self._glance_s):
            return
        with contextlib.suppress(OSError):  # the terminal went away: the build goes on
            self._draw_until_over()

    def _draw_until_over(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - see the module's docstring
        from rich.live import Live  # noqa: PLC0415 - the same

        console = Console(file=self._stream, no_color=not self._style.color, force_terminal=True, highlight=False, markup=False)
        with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False) as live:
            while True:
                self._tell(console)
                live.update(frame(self._tally.snapshot()), refresh=True)
                if self._over.wait(_FRAME_S):
                    return

    def _tell(self, console: Console) -> None:
        from rich.text import Text  # noqa: PLC0415 - the same

        while self._notices:
            console.print(Text.from_ansi(self._notices.popleft()))


def frame(now: Snapshot) -> RenderableType:
    """What the terminal shows at one moment."""
    from rich.console import Group  # noqa: PLC0415 - see the module's docstring
    from rich.text import Text  # noqa: PLC0415 - the same

    rows: list[Text] = [_row(running) for running in now.running[:_ROWS]]
    if len(now.running) > _ROWS:
        rows.append(Text(f"  and {len(now.running) - _ROWS} more", style="dim"))
    return Group(_head(now), *rows)


def _head(now: Snapshot) -> Text:
    """`[12/230] built 3 · local hits 9 · 38.2 s · 12.0 MiB of 40.0 MiB, 4.1 MiB/s · ~20 s left`."""
    from rich.text import Text  # noqa: PLC0415 - the same

    parts = [Text(f"{name} {now.counts[source]}", style=color) for source, name, color in COUNTED if now.counts.get(source)]
    parts.append(Text(duration(now.elapsed)))
    if now.transfer.active:
        known = f" of {size(now.transfer.total)}" if now.transfer.total > now.transfer.done else ""
        parts.append(Text(f"{size(now.transfer.done)}{known}, {size(now.transfer.rate)}/s", style="cyan"))
    longest = max((running.remaining or 0.0 for running in now.running), default=0.0)
    if longest >= 1:
        parts.append(Text(f"{about(longest)} left", style="dim"))
    head = Text(no_wrap=True, overflow="ellipsis").append(f"[{now.finished}/{max(now.planned, now.finished)}] ", style="bold")
    return head.append_text(Text(" · ").join(parts))


def _row(running: Running) -> Text:
    from rich.text import Text  # noqa: PLC0415 - the same

    row = Text("  ", no_wrap=True, overflow="ellipsis")
    row.append(printable(running.info.message)).append(f"  {state(running)}", style="dim")
    return row.append(f"  {printable(running.said)}", style="dim italic") if running.said else row
