"""`lkbuild bake`: Dockerfiles of targets as `docker buildx bake` builds them, without lkbuild."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase

#: What writing a file can't do without doing it.
_LEFT_OUT = ("check", "dry-run", "keep-going")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="bake",
        usage="[FLAGS] PATTERN...",
        doc="""Writes lkbuild-out/bake/docker-bake.json, and beside it contexts, Dockerfiles and bases, for all Dockerfiles of the targets
            that are selected: `docker buildx bake -f` builds them unchanged, where there is no lkbuild. A base with a Dockerfile of
            its own is a target of the file, too; any other is built now, as an image layout. Prints the file's path.""",
        examples=(
            ("lkbuild bake //pkg/...", "all packages that have a Dockerfile"),
            ("docker buildx bake -f lkbuild-out/bake/docker-bake.json --load", "what builds them"),
        ),
        flags=tuple(flag for flag in BUILD_FLAGS if flag.name not in _LEFT_OUT),
        words=(1, None),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Write, say where."""
    from lkbuild.app import bake  # noqa: PLC0415 - not for --help

    options = invocation.options()
    with build_phase(invocation, options) as sink:
        file = bake.bake(options, invocation.patterns, sink)
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "path": str(file)})
    else:
        invocation.console.result(str(file))
    return 0
