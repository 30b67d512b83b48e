"""`lkbuild clean`: remove outputs. The store stays, unless all of it is to go."""

from __future__ import annotations

from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS, PLACE_FLAGS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="clean",
        usage="[FLAGS]",
        doc="""Removes lkbuild-out/. That is never needed for a right build, and the next one takes all of it from the store. --expunge
            removes the store as well, which other workspaces share.""",
        examples=(("lkbuild clean", "free the disk of outputs"),),
        flags=(Flag(name="expunge", doc="Remove the store too."), *PLACE_FLAGS, *DISPLAY_FLAGS),
        words=(0, 0),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Remove, and print what was removed."""
    from lkbuild.app import clean  # noqa: PLC0415 - not for --help

    removed = list(clean.clean(invocation.options(), expunge=invocation.parsed.switch("expunge")))
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "removed": removed})
    else:
        for path in removed:
            invocation.console.result(path)
    return 0
