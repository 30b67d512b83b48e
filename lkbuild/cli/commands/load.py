"""`lkbuild load`: a package, as an image, into the local Docker engine."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase

#: What a load can't do without doing it.
_LEFT_OUT = ("check", "dry-run", "keep-going")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="load",
        usage="[FLAGS] LABEL [NAME[:TAG]]",
        doc="""Builds the image of a package (its output `oci`) and loads it into the Docker engine that `docker` is set up for; prints the
            name under which it is there: the target's own, unless another is given.""",
        examples=(
            ("lkbuild load //pkg/dhcpcd", "as dhcpcd:latest"),
            ("lkbuild load --arch arm64 //pkg/dhcpcd os/dhcpcd:dev", "for another architecture, by another name"),
        ),
        flags=tuple(flag for flag in BUILD_FLAGS if flag.name not in _LEFT_OUT),
        words=(1, 2),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build, load, say the name."""
    from lkbuild.app import load  # noqa: PLC0415 - not for --help

    label, *name = invocation.parsed.words
    options = invocation.options()
    with build_phase(invocation, options) as sink:
        tag = load.load(options, label, name[0] if name else None, sink)
    if invocation.console.json:
        invocation.console.json_result({"version": 1, "ok": True, "name": tag})
    else:
        invocation.console.result(tag)
    return 0
