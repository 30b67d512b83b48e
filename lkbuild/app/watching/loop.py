"""Use case: build, and build again whenever something that the build looked at has changed.

The order is what makes it miss nothing: a round ends by watching all directories that it looked at, and where one of them was not
watched before, another round looks again. So whatever a final answer rests on was read under a watch, and events that come while a
build runs wait in the kernel for the next round. Does not know how anything is shown.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from lkbuild.app.cancel import Cancel
from lkbuild.app.options import BuildOptions
from lkbuild.app.watching.display import Display, Round
from lkbuild.app.watching.followers import Follower, GoodBuild
from lkbuild.app.watching.host import Dialogue, Host
from lkbuild.app.watching.inotify import Inotify
from lkbuild.app.watching.observer import Observer, Touched
from lkbuild.app.watching.resident import Resident
from lkbuild.app.watching.server import Request, Server
from lkbuild.base.errors import Interrupted, LkbuildError, UsageError
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport

#: A file's time is taken for that of its save unless it is older than this, in seconds: then it was moved here.
_OLDEST_SAVE_S: Final = 60.0


def watch(
    options: BuildOptions,
    patterns: Sequence[str],
    display: Display,
    follower: Follower | None,
    key: tuple[Any, ...],
    dialogue: Callable[[Request], Dialogue] | None = None,
) -> None:
    """Build and rebuild until the user interrupts the wait, which ends the follower in order.

    `key`: of the command, by `snapshot_format.key_of`. `dialogue`: what asks for builds from other terminals is obeyed through it.

    Raises:
        UsageError: patterns or options that can't be obeyed.
        HostError: the kernel's limits of watches.
        Interrupted: while a build was running.
    """
    with contextlib.ExitStack() as stack:
        inotify = stack.enter_context(Inotify())
        if follower is not None:
            stack.callback(follower.close)
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))  # innermost: what is above ends in order
        observer = Observer(inotify)
        rounds = _Rounds(Resident(options, patterns, key), display, follower)
        rounds.run((), None)
        while observer.observe(rounds.resident.interests):
            rounds.again()
        host = None
        if dialogue is not None:
            with contextlib.suppress(OSError):  # another watch listens, or no socket can be made here: then builds need nobody
                server = stack.enter_context(Server(options.cache, rounds.resident.root))
                inotify.wake_on(server.fileno())
                host = Host(server, rounds.resident.root, dialogue)
        display.watching(observer.directories)
        while True:
            touched = observer.wait()
            if touched:
                _rebuild(touched, observer, rounds)
            if host is not None:
                host.serve(observer)


def _rebuild(touched: Touched, observer: Observer, rounds: _Rounds) -> None:
    """Build until nothing is left that may have changed unseen."""
    changed = rounds.resident.take(touched)
    if changed:
        rounds.run(changed, _saved(touched))
    else:
        rounds.display.unchanged(tuple(map(rounds.resident.relative, touched.paths())))
    while observer.observe(rounds.resident.interests):
        rounds.again()


def _saved(touched: Touched) -> float:
    """When the files were saved: the newest of their times, if that is near the event."""
    newest = 0.0
    for path in touched.paths():
        with contextlib.suppress(OSError):
            newest = max(newest, os.stat(path).st_mtime)  # noqa: PTH116 - as many as a storm has
    return newest if touched.since - _OLDEST_SAVE_S < newest <= touched.since else touched.since


class _Rounds:
    """Builds one after the other, and what is told of them: the same error once, outputs that changed, silence where nothing did."""

    def __init__(self, resident: Resident, display: Display, follower: Follower | None) -> None:
        self.resident, self.display = resident, display
        self._follower = follower
        self._digests: dict[str, tuple[str, int]] = {}
        self._errors: tuple[str, ...] = ()
        self._first, self._followed = True, False

    def again(self) -> None:
        """Look at everything once more."""
        self.resident.forget()
        self.run((), None)

    def run(self, changed: tuple[str, ...], saved: float | None) -> None:
        """Build, tell, and let the follower follow."""
        cancel = Cancel()
        with self.display.building(cancel) as sink:
            report = self.resident.build(cancel, sink)
        latency = time.time() - saved if saved is not None else None
        outputs = self._changed_outputs(report)
        errors = tuple(map(_identity, report.errors))
        fresh = tuple(error for error in report.errors if _identity(error) not in self._errors)
        if self._first or fresh or (report.ok and (self._errors or outputs or set(report.counts) - {Source.UP_TO_DATE})):
            told = replace(report, errors=fresh)
            self.display.built(Round(report=told, first=self._first, changed=changed, outputs=outputs, latency_s=latency))
        else:
            self.display.unchanged(changed)
        self._first, self._errors = False, errors
        self.resident.keep()
        if self._follower is not None and report.ok and (outputs or not self._followed):
            self._follow(self._follower, report)

    def _follow(self, follower: Follower, report: BuildReport) -> None:
        """Start what follows. What hinders it is told, and tried again after the next build; a wrong command line is the end."""
        self._followed = False
        try:
            follower.follow(GoodBuild(self.resident, report, self.display))
            self._followed = True
        except (UsageError, Interrupted):
            raise
        except LkbuildError as error:
            failed = replace(report, errors=(error,))
            self.display.built(Round(report=failed, first=False, changed=(), outputs=(), latency_s=None))

    def _changed_outputs(self, report: BuildReport) -> tuple[str, ...]:
        """Paths whose bytes are not those of the last time that they were built."""
        new = {path: (made, size) for path, made, size, _ in report.written()}
        changed = tuple(path for path, digest in new.items() if self._digests.get(path) != digest)
        self._digests.update(new)
        return changed


def _identity(error: LkbuildError) -> str:
    """What makes two errors the same to a reader."""
    return f"{error.position} {error.label} {error.message} {error.detail}"
