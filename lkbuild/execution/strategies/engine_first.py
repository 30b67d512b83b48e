"""An engine first, this machine where that fails or, if it is told to, where the engine makes wait: the first answer counts.

An answer is a result, or a failure of the command itself. Does not know what an engine is: it has two strategies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from lkbuild.base.errors import LkbuildError, RemoteFailed
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import CommandRun, Strategy, nothing, unheard

#: After so many failures without a success between them the engine is not asked any more.
_PATIENCE: Final = 3
_TICK_S: Final = 0.05


class EngineFirst:
    """A Strategy of two. Safe to use from many threads."""

    def __init__(
        self, away: Strategy, here: Strategy, *, places: int, wait_s: float | None, tell: Callable[[str], None], required: bool = False
    ) -> None:
        """Nothing runs yet.

        Args:
            away: what is asked first.
            here: what runs where that fails.
            places: how many commands at most run here.
            wait_s: a command that has been waiting there for so long is begun here as well; None: it may wait.
            tell: gets one line, the first time that `away` fails.
            required: that it fails is an error.
        """
        self._required = required
        self._away, self._here, self._wait, self._tell = away, here, wait_s, tell
        self._places = threading.BoundedSemaphore(places)
        self._guard = threading.Lock()
        self._failures = 0
        self._told = False

    def run(
        self,
        command: CommandRun,
        *,
        cancelled: Callable[[], bool],
        running: Callable[[], None] = nothing,
        output: Callable[[bytes], None] = unheard,
    ) -> ActionResult:
        """See Strategy."""
        if self._failures < _PATIENCE:
            try:
                result = self._first(command, cancelled, running, output)
            except RemoteFailed as error:
                if self._required or cancelled():
                    raise
                self._failed(error)
            else:
                self._failures = 0
                return result
        with self._places:
            return self._here.run(command, cancelled=cancelled, running=running, output=output)

    def _first(
        self, command: CommandRun, cancelled: Callable[[], bool], running: Callable[[], None], output: Callable[[bytes], None]
    ) -> ActionResult:
        if self._wait is None:
            return self._away.run(command, cancelled=cancelled, running=running, output=output)
        return _Race(self._away, command, cancelled, output).run(self._here, self._places, self._wait)

    def _failed(self, error: RemoteFailed) -> None:
        with self._guard:
            self._failures += 1
            told, self._told = self._told, True
        if not told:
            self._tell(f"{error.message}; commands run here")


class _Race:
    """One command, on its way elsewhere and perhaps here."""

    def __init__(self, away: Strategy, command: CommandRun, cancelled: Callable[[], bool], output: Callable[[bytes], None]) -> None:
        self._away, self._command, self._cancelled, self._output = away, command, cancelled, output
        self._moved = threading.Event()  # it runs, or has ended
        self._ended = threading.Event()
        self._over = threading.Event()  # it need not go on
        self._speaker: Strategy | None = None
        self._turn = threading.Lock()
        self._result: ActionResult | None = None
        self._error: BaseException | None = None

    def run(self, here: Strategy, places: threading.Semaphore, wait_s: float) -> ActionResult:
        """Raises RemoteFailed where there is no answer."""
        thread = threading.Thread(target=self._run_away, name=f"{threading.current_thread().name} away", daemon=True)
        thread.start()
        try:
            if not self._moved.wait(wait_s):
                while not (taken := places.acquire(blocking=False)) and not self._moved.wait(_TICK_S):
                    pass
                if taken:
                    try:
                        return self._run_here(here)
                    finally:
                        places.release()
            self._ended.wait()
            return self._answer()
        finally:
            self._over.set()
            thread.join()

    def _run_here(self, here: Strategy) -> ActionResult:
        try:
            return here.run(
                self._command,
                cancelled=lambda: self._cancelled() or self._answered(),
                output=lambda data: self._said(here, data),
            )
        except LkbuildError:
            if self._answered():
                return self._answer()
            raise

    def _said(self, speaker: Strategy, data: bytes) -> None:
        """Who says something first is heard: both would say the same."""
        with self._turn:
            self._speaker = self._speaker or speaker
            if self._speaker is speaker:
                self._output(data)

    def _answered(self) -> bool:
        """Whether there is an answer from there: that it can't be used is none."""
        return self._ended.is_set() and not isinstance(self._error, RemoteFailed)

    def _answer(self) -> ActionResult:
        if self._error is not None:
            raise self._error
        if self._result is None:
            msg = "a race that has ended without an answer"
            raise AssertionError(msg)
        return self._result

    def _run_away(self) -> None:
        try:
            self._result = self._away.run(
                self._command,
                cancelled=lambda: self._cancelled() or self._over.is_set(),
                running=self._moved.set,
                output=lambda data: self._said(self._away, data),
            )
        except BaseException as error:  # noqa: BLE001 - it is raised again on the thread that waits
            self._error = error
        self._ended.set()
        self._moved.set()
