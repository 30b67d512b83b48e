"""`lkbuild push`: a package, as an image, to a registry."""

from __future__ import annotations

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase
from lkbuild.cli.quantities import size

#: What a push can't do without doing it.
_LEFT_OUT = ("check", "dry-run", "keep-going")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="push",
        usage="[FLAGS] LABEL HOST/NAME[:TAG]",
        doc="""Builds the image layout of a package (its output `oci`) and pushes it to a registry; prints where it is, by digest. For
            several architectures it is one image with an index. What the registry has already is not sent. Credentials are those of
            Docker's config.json. A registry on this machine (localhost) is spoken to in the clear, any other by TLS.""",
        examples=(
            ("lkbuild push --arch all //pkg/dhcpcd registry.example/os/dhcpcd:1.0", "one image for every architecture"),
            ("lkbuild push //pkg/dhcpcd localhost:5000/dhcpcd", "this machine's architecture, tag latest"),
        ),
        flags=tuple(flag for flag in BUILD_FLAGS if flag.name not in _LEFT_OUT),
        words=(2, 2),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build, push, say where."""
    from lkbuild.app import push  # noqa: PLC0415 - not for --help

    label, reference = invocation.parsed.words
    options = invocation.options()
    with build_phase(invocation, options) as sink:
        done = push.push(options, label, reference, sink, invocation.console.note)
    console = invocation.console
    if console.json:
        console.json_result(done.to_json())
    else:
        console.note(f"sent {done.sent} ({size(done.sent_bytes)}) · there already {done.present}")
        console.result(f"{done.reference}@sha256:{done.digest}")
    return 0
