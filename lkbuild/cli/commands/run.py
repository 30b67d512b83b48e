"""`lkbuild run`: build one target and start it: an image in QEMU, a program as it is."""

from __future__ import annotations

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.progress import progress

RUN_FLAGS = (
    Flag(name="publish", short="p", metavar="HOST:GUEST", repeatable=True, doc="Forward a TCP port of this host's loopback; repeatable."),
    Flag(name="disk", metavar="PATH[,SIZE]", repeatable=True, doc="A disk for the guest, made if it is not there; repeatable."),
    Flag(name="mem", metavar="MIB", doc="Memory of the guest in MiB."),
    Flag(name="cpus", metavar="N", doc="CPUs of the guest."),
    Flag(name="accel", metavar="HOW", choices=("auto", "kvm", "tcg"), doc="auto uses KVM where a probe shows that it boots a guest."),
)


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="run",
        usage="[FLAGS] LABEL [-- ARGUMENT...]",
        doc="""Builds a target and starts it, with this terminal as its console. The exit code is that of what ran. For an image that is
            QEMU, which comes from the lock and runs in the sandbox; power the guest off to end it.""",
        examples=(
            ("lkbuild run //images:minimal", "a console in a virtual machine"),
            ("lkbuild run --publish 2375:2375 --disk /tmp/docker.img,4G --mem 1024 //images:docker-desktop", "a Docker engine"),
        ),
        flags=(*RUN_FLAGS, *BUILD_FLAGS),
        words=(1, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build it, then hand the terminal over."""
    parsed = invocation.parsed
    for name in ("mem", "cpus"):
        parsed.number(name)
    if invocation.console.json:
        raise UsageError("`lkbuild run` has no --json: what it prints is the program's", hint="`lkbuild build --json` tells what was built")
    from lkbuild.app import run as use_case  # noqa: PLC0415 - not for --help

    settings = {flag.name: ",".join(parsed.texts(flag.name)) or parsed.text(flag.name) or "" for flag in RUN_FLAGS}
    given = {name: value for name, value in settings.items() if value}
    options = invocation.options()
    with progress(invocation.console, verbose=options.verbose) as sink:
        return use_case.run(options, parsed.words[0], parsed.rest or (), given, sink)
