"""Waits for changes that matter: events, kept to what builds looked at, gathered until a storm is over.

Knows three kinds of interest (sources, what the loader read, rules) and which of them a change touches, and not whether anything
really is different: `resident` compares contents. Several builds may be observed at once, each under a name of its own.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import field
from typing import Final

from lkbuild.app.watching.inotify import Batch, Inotify
from lkbuild.app.watching.interest import Interest
from lkbuild.base.values import dataclass

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
        events: how many there were.
    """

    sources: dict[str, None] = field(default_factory=dict)
    loaded: dict[str, None] = field(default_factory=dict)
    rules: dict[str, None] = field(default_factory=dict)
    lost: bool = False
    early: bool = False
    since: float = 0.0
    events: int = 0

    def __bool__(self) -> bool:
        return self.lost or bool(self.sources or self.loaded or self.rules)

    def paths(self) -> tuple[str, ...]:
        """All of them."""
        return tuple({**self.sources, **self.loaded, **self.rules})


class Observer:
    """Watches what a build looked at. Used by one thread."""

    def __init__(self, inotify: Inotify) -> None:
        self._inotify = inotify
        self._interests: dict[Hashable, Interests] = {}
        self._touched: dict[Hashable, Touched] = {}

    @property
    def directories(self) -> int:
        """How many are watched."""
        return len(self._inotify.watched)

    def observe(self, interests: Interests, name: Hashable = None) -> bool:
        """Watch for these and the others' only; whether a directory is watched that was not before, so that it may have changed unseen.

        Raises HostError where the kernel's limits don't allow it.
        """
        self._interests[name] = interests
        self._touched.setdefault(name, Touched())
        directories = {each: its.directories() for each, its in self._interests.items()}
        new = self._inotify.set(frozenset().union(*directories.values()))
        for other, its in directories.items():
            if other != name and new & its:
                self._touched[other].lost = True
        return bool(new & directories[name])

    def forget(self, name: Hashable) -> None:
        """Observe these no more; what is watched for them alone goes with the next `observe`."""
        self._interests.pop(name, None)
        self._touched.pop(name, None)

    def wait(self) -> Touched:
        """Return once something happened that matters and the storm is over. Events since the last call count, too.

        The answer is empty where it was woken for something else (`Inotify.wake_on`).
        """
        self.drain()
        touched = self._touched.setdefault(None, Touched())
        touched.early = bool(touched)
        while not touched:
            if self._read(None).woken and not touched:
                return Touched()
        first = last = time.monotonic()
        touched.since = time.time()
        while (left := min(last + QUIET_S, first + LONGEST_S) - time.monotonic()) > 0:
            before = touched.events
            self._read(left)
            if touched.events > before:
                last = time.monotonic()
        if touched.lost:
            self._inotify.forget_all()
        return self.take()

    def drain(self) -> None:
        """Take all events that there are."""
        while self._read(0):
            pass

    def touched(self, name: Hashable = None) -> Touched:
        """What was touched of these since it was last taken."""
        return self._touched.get(name) or Touched()

    def take(self, name: Hashable = None) -> Touched:
        """The same, and begin anew."""
        touched, self._touched[name] = self.touched(name), Touched()
        return touched

    def _read(self, timeout_s: float | None) -> Batch:
        """Take what there is, and note whom it touches."""
        batch = self._inotify.read(timeout_s)
        for name, interests in self._interests.items():
            touched = self._touched[name]
            touched.lost = touched.lost or batch.lost
            touched.events += batch.lost
            kinds = ((interests.sources, touched.sources), (interests.loaded, touched.loaded), (interests.rules, touched.rules))
            for change in batch.changes:
                for interest, paths in kinds:
                    path = interest.of_change(change)
                    if path is not None:
                        paths[path] = None
                        touched.events += 1
        return batch
