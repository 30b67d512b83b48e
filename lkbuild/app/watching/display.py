"""What a watch has to tell, and to whom. Values and a Protocol only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lkbuild.app.cancel import Cancel
from lkbuild.base.values import dataclass
from lkbuild.model.events import EventSink
from lkbuild.model.report import BuildReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One build that has something to tell.

    Attributes:
        report: of the build. Errors that were told in the round before are left out.
        first: it is the first.
        changed: what made it necessary, relative to the workspace; empty: a look at what may have changed unseen.
        outputs: paths that were written with other bytes than before.
        latency_s: from the save of the changed files to the end; None where nothing was saved.
    """

    report: BuildReport
    first: bool
    changed: tuple[str, ...]
    outputs: tuple[str, ...]
    latency_s: float | None


class Display(Protocol):
    """Who is told."""

    def building(self, cancel: Cancel) -> AbstractContextManager[EventSink]:
        """Progress of one build; interrupts within the block set the flag."""
        ...

    def built(self, done: Round) -> None:
        """A round that built something, failed, or ended a failure."""
        ...

    def unchanged(self, touched: Sequence[str]) -> None:
        """Files were touched or rebuilt to what they were."""
        ...

    def watching(self, directories: int) -> None:
        """The first round is over, and what it looked at is watched."""
        ...
