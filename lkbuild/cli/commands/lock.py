"""`lkbuild lock`: what comes from outside, pinned."""

from __future__ import annotations

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.progress import progress
from lkbuild.cli.signals import orderly

ACTIONS = ("update", "check", "diff")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="lock",
        usage="update|check|diff [FLAGS] [PATTERN...]",
        doc="""update: resolve again and write lock files. check: fail (exit 48) where a lock file does not say what its target asks for.
            diff: what an update would change, line by line. All lock targets of the workspace without a pattern.""",
        examples=(
            ("lkbuild lock update //toolchains/...", "newest versions that the declarations allow"),
            ("lkbuild lock check", "for a continuous integration job"),
        ),
        flags=BUILD_FLAGS,
        words=(1, None),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Do one of the three."""
    what, *patterns = invocation.patterns
    if what not in ACTIONS:
        raise UsageError(f"no `lkbuild lock {what}`", hint=nearest(what, ACTIONS) or f"there are: {', '.join(ACTIONS)}")
    from lkbuild.app import lock  # noqa: PLC0415 - not for --help

    use_case = {"update": lock.update, "check": lock.check, "diff": lock.diff}[what]
    options = invocation.options()
    with orderly(options.cancel), progress(invocation.console, verbose=options.verbose) as sink:
        lines = [str(line) for line in use_case(options, tuple(patterns), sink)]
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, what: lines})
    else:
        for line in lines:
            invocation.console.result(line)
    return 0
