"""Events of a build: what progress displays, logs and the event file are made of.

Emitted by lkbuild.execution from any thread; a sink must be quick and safe to call from several threads. Values only.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol, TypeAlias

from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.ports import RemoteUse


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted:
    """Analysis is done. `actions` is the number of actions in the closure of what was asked for."""

    targets: tuple[str, ...]
    actions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStarted:
    """An action runs. `expected_seconds`: how long its last run took, if it is known."""

    info: ActionInfo
    expected_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionProgress:
    """Bytes of a fetch. `total` None: not known."""

    info: ActionInfo
    done: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutput:
    """What a command wrote, as it was written where that is known, else at its end: lines without their ends, not made printable."""

    info: ActionInfo
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFinished:
    """An action has an answer, wherever it came from; `count` of them where hits are reported together (UP_TO_DATE).

    `reason`: why it ran, in a few words, where somebody wants to know.
    """

    info: ActionInfo | None
    source: Source
    seconds: float = 0.0
    count: int = 1
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFinished:
    """The verdict on a test target: `passed`, `failed`, `skipped` or `incompatible`; `log`: the path of its report."""

    __test__ = False  # pytest collects classes of this name
    label: str
    configuration: str
    state: str
    log: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A line that the user should see once: a degraded cache, a mirror that fails."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinished:
    """The end, in any case."""

    ok: bool
    seconds: float
    remote: RemoteUse = field(default_factory=RemoteUse)


Event: TypeAlias = BuildStarted | ActionStarted | ActionProgress | ActionOutput | ActionFinished | TestFinished | Notice | BuildFinished


class EventSink(Protocol):
    """Takes events; never raises."""

    def emit(self, event: Event) -> None:
        """Take one event."""
        ...
