"""`lkbuild why`: what would make a target run, or what made it run."""

from __future__ import annotations

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="why",
        usage="[FLAGS] PATTERN... | --last [PATTERN...]",
        doc="""Compares the keys of a target with those of the last build that had it, and names what changed: the file, argument,
            variable or tool at the end of the chain, with both values. Builds nothing. With --last, what the last build ran, and why.

            A target that would run may still be spared: where something below it gives the same bytes as before, the build stops there.""",
        examples=(
            ("lkbuild why //images:minimal", "would it be built again, and what changed"),
            ("lkbuild why --last", "what the last build ran, and why"),
            ("lkbuild why --last //pkg/init --json", "the same for one target, for a program"),
        ),
        flags=(Flag(name="last", doc="Explain the last build rather than the next."), *CONFIGURATION_FLAGS, *PLACE_FLAGS, *DISPLAY_FLAGS),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Explain."""
    from lkbuild.app import why  # noqa: PLC0415 - not for --help
    from lkbuild.cli.explained import last_lines, target_lines  # noqa: PLC0415 - the same

    console, options = invocation.console, invocation.options()
    if invocation.parsed.switch("last"):
        last = why.last(options, invocation.patterns)
        value, lines = last.to_json(), list(last_lines(last, console.stdout_style))
    else:
        if not invocation.patterns:
            raise UsageError("`lkbuild why` wants a target", hint="`lkbuild why --last` explains the last build")
        found = why.why(options, invocation.patterns)
        value = {"targets": [item.to_json() for item in found]}
        lines = [line for item in found for line in target_lines(item, console.stdout_style)]
    if console.json:
        console.json_result({"version": 1, "ok": True, **value})
    else:
        for line in lines:
            console.result(line)
    return 0
