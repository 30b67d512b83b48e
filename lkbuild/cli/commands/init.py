"""`lkbuild init`: a workspace that builds, in one command."""

from __future__ import annotations

from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="init",
        usage="[FLAGS] [DIR]",
        doc="""Writes a BUILD.yaml with a workspace and a first target, a .gitignore and a README into a folder (this one without DIR),
            which is made if it is not there. A file that exists is never overwritten.""",
        examples=(("lkbuild init hello && cd hello && lkbuild //:hello", "from nothing to a first build"),),
        flags=(Flag(name="name", metavar="NAME", doc="Name of the workspace; else the folder's."), *DISPLAY_FLAGS),
        words=(0, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Write the files and say what comes next."""
    from lkbuild.app import init  # noqa: PLC0415 - not for --help

    directory = invocation.cwd / (invocation.parsed.words[0] if invocation.parsed.words else ".")
    written = init.init(directory, invocation.parsed.text("name"))
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "written": [str(path) for path in written]})
        return 0
    for path in written:
        invocation.console.result(str(path))
    if outer := init.around(directory):
        root, inner = outer
        invocation.console.note(f"it lies in the workspace {root}: there, write `ignore: [{inner}]` below workspace:, or //... is an error")
    invocation.console.note("next: lkbuild //:hello")
    return 0
