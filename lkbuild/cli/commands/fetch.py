"""`lkbuild fetch`: bring all that targets need into the store, so that a build can do without a network."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import show, watched


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="fetch",
        usage="[FLAGS] [PATTERN...]",
        doc="""Downloads every locked input in the closure of the targets, verifies it, and keeps it in the store. A download that was
            interrupted goes on where it stopped. Builds nothing.""",
        examples=(("lkbuild fetch //... && lkbuild build --offline //...", "a build on the train"),),
        flags=BUILD_FLAGS,
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Fetch and report."""
    from lkbuild.app import fetch  # noqa: PLC0415 - not for --help

    return show(invocation, watched(invocation, lambda options, sink: fetch.fetch(options, invocation.patterns, sink)), outputs=False)
