"""`lkbuild shell`: a shell where an action runs."""

from __future__ import annotations

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="shell",
        usage="[FLAGS] LABEL [-- COMMAND...]",
        doc="""Builds what an action of a target needs, and starts a shell in its sandbox: the same root file system, inputs and
            environment, without a network. The action's own command is printed, to be tried by hand; what it makes is thrown away.
            With a command after --, that runs instead of a shell. The exit code is that of what ran.""",
        examples=(
            ("lkbuild shell //pkg/init", "look around where //pkg/init is compiled"),
            ("lkbuild shell --action mkfs //images:minimal", "in one of several actions"),
            ("lkbuild shell //pkg/init -- ls -l", "see the inputs and leave"),
        ),
        flags=(Flag(name="action", metavar="MNEMONIC", doc="Which action of the target; else the last that runs a command."), *BUILD_FLAGS),
        words=(1, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build what it needs, then hand the terminal over."""
    parsed, console = invocation.parsed, invocation.console
    if console.json:
        raise UsageError("`lkbuild shell` has no --json: what it prints is the shell's", hint="`lkbuild query --actions` lists actions")
    from lkbuild.app.shell import shell  # noqa: PLC0415 - not for --help

    options = invocation.options()
    with build_phase(invocation, options) as sink:
        return shell(options, parsed.words[0], parsed.text("action"), parsed.rest or (), sink, console.note)
