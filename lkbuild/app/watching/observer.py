"""Waits for changes that matter: events, kept to what builds looked at, gathered until a storm is over.

Knows three kinds of interest (sources, what the loader read, rules) and which of them a change touches, and not whether anything
really is different: `resident` compares contents.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from lkbuild.app.watching.inotify import Inotify
from lkbuild.app.watching.interest import Interest

#: A save is a handful of events: so long nothing may come before a round begins, and it begins after so long in any case.
QUIET_S: Final = 0.04
LONGEST_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Interests:
    """What a build looked at, by what has to be made anew where it changes."""

    sources: Interest
    loaded: Interest
    rules: Interest

    def all(self) -> tuple[Interest, ...]:
        """The three."""
        return self.sources, self.loaded, self.rules

    def directories(self) -> frozenset[str]:
        """What must be watched."""
        return frozenset().union(*(interest.directories() for interest in self.all()))

    def __or__(self, other: Interests) -> Interests:
        return Interests(self.sources | other.sources, self.loaded | other.loaded, self.rules | other.rules)


@dataclass(slots=True)
class Touched:
    """Absolute paths that may have changed, in order of their first event.

    Attributes:
        sources, loaded, rules: by kind; a path may be of several.
        lost: events were lost: anything may have changed.
        early: it began before the wait did: while the last build ran.
        since: when the first was noticed, of `time.time`.
    """

    sources: dict[str, None] = field(default_factory=dict)
    loaded: dict[str, None] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)
    lost: bool = False
    early: bool = False
    since: float = 0.0

    def __bool__(self) -> bool:
        return self.lost or bool(self.sources or self.loaded or self.rules)

    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return tuple({**self.sources, **self.loaded, **self.rules})


class Observer:
    """Watches what a build looked at. Used by one thread."""

    def __init__(self, inotify: Inotify) -> None:
        self._inotify = inotify
        self._interests: Interests | None = None

    @property
    def directories(self) -> int:
        """How many are watched."""
        return len(self._inotify.watched)

    def observe(self, interests: Interests) -> bool:
        """Watch for these and nothing else; whether a directory is watched that was not before, so that it may have changed unseen.

        Raises HostError where the kernel's limits don't allow it.
        """
        self._interests = interests
        return bool(self._inotify.set(interests.directories()))

    def wait(self) -> Touched:
        """Return once something happened that matters and the storm is over. Events since the last call count, too."""
        touched = Touched()
        touched.early = self._read(0, touched)
        while not touched:
            self._read(None, touched)
        first = last = time.monotonic()
        touched.since = time.time()
        while (left := min(last + QUIET_S, first + LONGEST_S) - time.monotonic()) > 0:
            if self._read(left, touched):
                last = time.monotonic()
        if touched.lost:
            self._inotify.forget_all()
        return touched

    def _read(self, timeout_s: float | None, touched: Touched) -> bool:
        """Take what there is; whether any of it matters."""
        batch = self._inotify.read(timeout_s)
        touched.lost = touched.lost or batch.lost
        matters = batch.lost
        interests = self._interests
        if interests is None:
            return matters
        kinds = ((interests.sources, touched.sources), (interests.loaded, touched.loaded), (interests.rules, touched.rules))
        for change in batch.changes:
            for interest, paths in kinds:
                path = interest.of_change(change)
                if path is not None:
                    paths[path] = None
                    matters = True
        return matters
