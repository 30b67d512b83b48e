"""`lkbuild push`: a package, as an image, to a registry; an image, as a disk, to a cloud or a file server."""

from __future__ import annotations

from dataclasses import replace

from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase
from lkbuild.cli.quantities import size

#: What a push can't do without doing it.
_LEFT_OUT = ("check", "keep-going")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="push",
        usage="[FLAGS] LABEL DESTINATION",
        doc="""Builds the image layout of a package (its output `oci`) and pushes it to a registry; prints where it is, by digest. For
            several architectures it is one image with an index. What the registry has already is not sent. Credentials are those of
            Docker's config.json. A registry on this machine (localhost) is spoken to in the clear, any other by TLS.

            With a scheme the destination takes the disk of an image, in the format that it needs unless LABEL names another:
            aws://NAME?region=R (an AMI), azure://NAME?subscription=S&group=G&location=L, gcp://NAME?project=P&bucket=B,
            openstack://NAME?cloud=C, https://HOST/FOLDER/ (PUT), file:///FOLDER. Clouds are spoken to by their own SDKs, which
            are extras: pip install 'lkbuild[aws]'. --dry-run builds, and prints what would be done.""",
        examples=(
            ("lkbuild push --arch all //pkg/dhcpcd registry.example/os/dhcpcd:1.0", "one image for every architecture"),
            ("lkbuild push //pkg/dhcpcd localhost:5000/dhcpcd", "this machine's architecture, tag latest"),
            ("lkbuild push --dry-run //images:docker-aws 'aws://docker-1.0?region=eu-west-1'", "what a push of an AMI would do"),
            ("lkbuild push //images:minimal.iso https://files.example/images/", "another format, to a file server"),
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
    if "://" in reference:
        return _disk(invocation, label, reference)
    if options.dry_run:
        with build_phase(invocation, options) as sink:
            digest, steps = push.steps(replace(options, dry_run=False), label, reference, sink)
        return _told(invocation, None, digest, steps)
    with build_phase(invocation, options) as sink:
        done = push.push(options, label, reference, sink, invocation.console.note)
    console = invocation.console
    if console.json:
        console.json_result(done.to_json())
    else:
        console.note(f"sent {done.sent} ({size(done.sent_bytes)}) · there already {done.present}")
        console.result(f"{done.reference}@sha256:{done.digest}")
    return 0


def _disk(invocation: Invocation, label: str, address: str) -> int:
    """To a cloud or a file server."""
    from lkbuild.app.push_disk import push_disk  # noqa: PLC0415 - not for --help

    console, options = invocation.console, invocation.options()
    with build_phase(invocation, options) as sink:
        sent = push_disk(options, label, address, sink, console.note)
    return _told(invocation, sent.reference, sent.digest, sent.steps)


def _told(invocation: Invocation, reference: str | None, digest: str, steps: tuple[str, ...]) -> int:
    """Say where it is, or what would have been done."""
    console = invocation.console
    if console.json:
        console.json_result({"version": 1, "ok": True, "reference": reference, "digest": digest, "steps": list(steps)})
    else:
        console.result("\n".join(steps) if reference is None else reference)
    return 0
