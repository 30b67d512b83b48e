"""What follows a successful build: the user's command (`--exec`), or a guest on the newest image (`--run`).

One at a time: what still runs of the last is ended, in order, before the next begins. Knows no events.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from lkbuild.app.cancel import Cancel
from lkbuild.app.run import build_runnable, prepared
from lkbuild.app.watching.display import Display
from lkbuild.app.watching.resident import Resident
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.model.report import BuildReport
from lkbuild.sandbox.host_command import HostCommand
from lkbuild.sandbox.interactive import started
from lkbuild.sandbox.process import NOTHING, Child

#: The variable in which a command finds the paths of all outputs, one a line.
OUTPUTS_VARIABLE: Final = "LKBUILD_OUTPUTS"
_STDERR: Final = 2


@dataclass(frozen=True, slots=True)
class GoodBuild:
    """A build that succeeded: of what, what came of it, and who is told of more."""

    resident: Resident
    report: BuildReport
    display: Display


class Follower(Protocol):
    """Is started anew after each build that changed an output."""

    def follow(self, build: GoodBuild) -> None:
        """End what runs of the last build, and start over. Raises LkbuildError."""
        ...

    def close(self) -> None:
        """End what runs."""
        ...


class Command:
    """A command of the user's after each build."""

    def __init__(self, text: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._text, self._folder, self._environment = text, folder, environment
        self._running: HostCommand | None = None

    def follow(self, build: GoodBuild) -> None:
        """Run it again."""
        self.close()
        paths = "\n".join(path for path, _, _, _ in build.report.written())
        self._running = HostCommand(self._text, self._folder, {**self._environment, OUTPUTS_VARIABLE: paths})

    def close(self) -> None:
        """End it."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()


class Guest:
    """What `lkbuild run` starts, on the newest image. Its console goes to stderr; it reads nothing."""

    def __init__(self, run_options: Mapping[str, Sequence[str]], arguments: Sequence[str]) -> None:
        self._options, self._arguments = run_options, arguments
        self._running = contextlib.ExitStack()
        self.child: Child | None = None

    def follow(self, build: GoodBuild) -> None:
        """Start it again. Its session stays open while it runs: that keeps its files from a collector."""
        self.close()
        with contextlib.ExitStack() as stack:
            cancel = Cancel()
            session = stack.enter_context(build.resident.session(cancel))
            plan = build.resident.plan(session)
            if len(plan.requested) != 1:
                raise UsageError(f"--run starts one target, not {len(plan.requested)}", hint="name one target, for one architecture")
            with build.display.building(cancel) as sink:
                runnable, execution = build_runnable(session, plan.analyses, plan.requested[0].selected, sink, self._options)
            request, access = stack.enter_context(prepared(session, runnable, execution, self._arguments, self._options))
            self.child = stack.enter_context(started(request, access, stdin=NOTHING, stdout=_STDERR, stderr=_STDERR))
            self._running = stack.pop_all()

    def close(self) -> None:
        """Power it off."""
        self.child = None
        self._running.close()
