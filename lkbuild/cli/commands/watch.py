"""`lkbuild watch`: build, and build again on every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lkbuild.base.errors import UsageError
from lkbuild.cli.commands.run import RUN_FLAGS, check_run_flags, run_options
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS

if TYPE_CHECKING:
    from lkbuild.app.watching.followers import Follower

WATCH_FLAGS: Final = (
    Flag(
        name="exec",
        metavar="COMMAND",
        doc="Run a command of /bin/sh on this host after each build that changed an output; one that still runs is ended first.",
    ),
    Flag(name="run", doc="Keep what `lkbuild run` starts running on the newest build: an image in QEMU."),
)
#: A watch that plans or compares would do so at every keystroke.
_NOT_HERE: Final = frozenset({"check", "dry-run", "events", "metrics"})


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="watch",
        usage="[FLAGS] [PATTERN...] [-- -PATTERN...]",
        doc="""Builds targets, waits until a file that they need has changed, and builds again what depends on it. Contents decide: a
            file that is only touched, or saved as it was, builds nothing. BUILD.yaml files, rules, locks and new files that a glob
            matches count; files that only other targets need do not. After a failure the outputs of the last good build stay,
            and the error is shown once.

            Each build prints the paths of the outputs that it changed on stdout, and on stderr a line with what changed, what ran
            and the time from the save to the end. With --json it prints one object a line.

            The command of --exec finds the paths of all outputs in $LKBUILD_OUTPUTS, a line each. Its output, and a guest's
            console, go to stderr.

            While it waits, `lkbuild build` in another terminal asks it: what is in memory is not loaded again, and a build of which nothing
            changed is answered without a look at any file. Where it is busy, or gone, that build does without it.

            Ctrl-C while it waits ends it, and what it has started, in order, with exit code 0: that is how a watch ends. During a
            build it stops that first, and the exit code is 8.""",
        examples=(
            ("lkbuild watch //images:minimal", "rebuild on each save"),
            ("lkbuild watch --run //images:minimal", "and boot the newest image"),
            ("lkbuild watch //docs:site --exec 'rsync -a lkbuild-out/ web:'", "and run a command"),
        ),
        flags=(*WATCH_FLAGS, *RUN_FLAGS, *(flag for flag in BUILD_FLAGS if flag.name not in _NOT_HERE)),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Watch until the user ends it."""
    from lkbuild.app.watching.loop import watch  # noqa: PLC0415 - not for --help
    from lkbuild.cli.serving import TerminalDialogue  # noqa: PLC0415 - the same
    from lkbuild.cli.watching import WatchDisplay, until_hangup  # noqa: PLC0415 - the same

    options = invocation.options()
    follower = _follower(invocation)
    display = WatchDisplay(invocation.console, verbose=options.verbose)
    with until_hangup():
        watch(options, invocation.patterns, display, follower, invocation.key, TerminalDialogue)
    return 0


def _follower(invocation: Invocation) -> Follower | None:
    from lkbuild.app.watching import followers  # noqa: PLC0415 - not for --help

    parsed = invocation.parsed
    text, guest, for_guest = parsed.text("exec"), parsed.switch("run"), run_options(parsed)
    if text is not None and guest:
        raise UsageError("--exec and --run exclude each other", hint="a command can start a guest by itself: lkbuild run")
    if for_guest and not guest:
        raise UsageError(f"--{next(iter(for_guest))} is for a guest", hint="give --run, too")
    check_run_flags(parsed)
    if guest:
        return followers.Guest(for_guest, ())
    if text is not None:
        return followers.Command(text, invocation.cwd, invocation.environment)
    return None
