"""`lkbuild version`. The plain form is answered by lkbuild.cli.main without importing this module."""

from __future__ import annotations

from lkbuild import __version__
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="version",
        usage="",
        doc="",
        examples=(("lkbuild version --json", "for scripts"),),
        flags=DISPLAY_FLAGS,
        words=(0, 0),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print it."""
    if invocation.console.json:
        invocation.console.json_result({"version": __version__})
    else:
        invocation.console.result(f"lkbuild {__version__}")
    return 0
