"""`lkbuild diff`: two keys, or two builds, and the first thing in which they differ."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS, PLACE_FLAGS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="diff",
        usage="[FLAGS] KEY KEY | BUILD BUILD",
        doc="""Compares what two keys were made of, and names what differs, down to the leaf, the first one first. A key, or its
            beginning, is what `lkbuild build --json` prints; it must be of one of the builds that are recorded.

            A build is the name that `lkbuild why --last` prints, its beginning, or the path of a record, which may be copied from another
            machine: of two builds of the same sources it says which action's key differs and why, or which made other bytes.""",
        examples=(
            ("lkbuild diff 3f2a91c07d 9be41c55aa", "two keys of one target"),
            ("lkbuild diff 20261122-0330 20261122-0415", "two builds of this workspace"),
            ("lkbuild diff ./mine.keys ./theirs.keys", "records of two machines"),
        ),
        flags=(*PLACE_FLAGS, *DISPLAY_FLAGS),
        words=(2, 2),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Compare."""
    from lkbuild.app.keydiff import diff  # noqa: PLC0415 - not for --help
    from lkbuild.cli.explained import diff_lines  # noqa: PLC0415 - the same

    console = invocation.console
    found = diff(invocation.options(), *invocation.parsed.words)
    if console.json:
        console.json_result({"version": 1, "ok": True, **found.to_json()})
    else:
        for line in diff_lines(found, console.stdout_style):
            console.result(line)
    return 0
