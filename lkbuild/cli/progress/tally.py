"""What is going on: events added up, to be shown. Safe to use from many threads; knows no stream and no layout."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import ActionFinished, ActionOutput, ActionProgress, ActionStarted, BuildStarted, Event

#: The rate of a download is measured over so many seconds.
_RATE_WINDOW: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An action that runs: for how long, how long its last run took, the bytes of its fetch, and the last line that it wrote."""

    info: ActionInfo
    elapsed: float
    expected: float | None = None
    done: int = 0
    total: int | None = None
    said: str = ""

    @property
    def remaining(self) -> float | None:
        """Seconds left if it takes as long as last time; None where that is not known or already over."""
        left = None if self.expected is None else self.expected - self.elapsed
        return left if left is not None and left > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """All fetches of the build together. `total` counts what is known of them; `rate` is in bytes per second."""

    done: int = 0
    total: int = 0
    rate: float = 0.0
    active: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state of a build at one moment."""

    elapsed: float
    planned: int
    counts: Mapping[Source, int]
    running: tuple[Running, ...]
    transfer: Transfer

    @property
    def finished(self) -> int:
        """Actions that have an answer."""
        return sum(self.counts.values())


@dataclass(slots=True)
class _Entry:
    info: ActionInfo
    started: float
    expected: float | None
    done: int = 0
    total: int | None = None
    said: str = ""


@dataclass(slots=True)
class Tally:
    """Adds up events. `clock` gives seconds that never go back."""

    clock: Callable[[], float]
    planned: int = 0
    _started: float = 0.0
    _counts: dict[Source, int] = field(default_factory=dict)
    _running: dict[ActionId, _Entry] = field(default_factory=dict)
    _past_bytes: int = 0
    _samples: deque[tuple[float, int]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def add(self, event: Event) -> None:
        """Take an event into account."""
        with self._lock:
            match event:
                case BuildStarted():
                    self.planned = event.actions
                case ActionStarted():
                    self._running[event.info.id] = _Entry(event.info, self.clock(), event.expected_seconds)
                case ActionProgress():
                    self._progress(event)
                case ActionOutput():
                    self._heard(event)
                case ActionFinished():
                    self._finished(event)
                case _:
                    pass

    def _progress(self, event: ActionProgress) -> None:
        entry = self._running.get(event.info.id)
        if entry is not None:
            entry.done, entry.total = event.done, event.total
            self._sample()

    def _heard(self, event: ActionOutput) -> None:
        entry = self._running.get(event.info.id)
        said = next((line.strip() for line in reversed(event.lines) if line.strip()), "")
        if entry is not None and said:
            entry.said = said

    def _finished(self, event: ActionFinished) -> None:
        self._counts[event.source] = self._counts.get(event.source, 0) + event.count
        entry = self._running.pop(event.info.id, None) if event.info else None
        if entry is not None:
            self._past_bytes += entry.done

    def _sample(self) -> None:
        now = self.clock()
        self._samples.append((now, self._bytes()))
        while len(self._samples) > 2 and now - self._samples[0][0] > _RATE_WINDOW:
            self._samples.popleft()

    def _bytes(self) -> int:
        return self._past_bytes + sum(entry.done for entry in self._running.values())

    def snapshot(self) -> Snapshot:
        """The state now; the action that has run longest stands first."""
        with self._lock:
            now = self.clock()
            running = tuple(
                Running(
                    info=entry.info,
                    elapsed=now - entry.started,
                    expected=entry.expected,
                    done=entry.done,
                    total=entry.total,
                    said=entry.said,
                )
                for entry in sorted(self._running.values(), key=lambda entry: entry.started)
            )
            return Snapshot(
                elapsed=now - self._started, planned=self.planned, counts=dict(self._counts), running=running, transfer=self._transfer(now)
            )

    def _transfer(self, now: float) -> Transfer:
        fetching = [entry for entry in self._running.values() if entry.done or entry.total]
        total = self._past_bytes + sum(entry.total or entry.done for entry in fetching)
        rate = 0.0
        if fetching and self._samples:
            since, before = self._samples[0]
            rate = (self._bytes() - before) / max(now - since, 0.001)
        return Transfer(done=self._bytes(), total=total, rate=rate, active=len(fetching))
