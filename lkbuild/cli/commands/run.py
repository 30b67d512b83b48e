"""`lkbuild run`: build one target and start it: an image in QEMU, a program as it is."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from lkbuild.base.errors import UsageError
from lkbuild.cli.flags import Flag, Parsed
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import BUILD_FLAGS
from lkbuild.cli.outcome import build_phase

if TYPE_CHECKING:
    from lkbuild.app.options import BuildOptions

#: Of the guests (vsock(7)).
_FIRST_CID = 3

RUN_FLAGS = (
    Flag(name="publish", short="p", metavar="HOST:GUEST", repeatable=True, doc="Forward a TCP port of this host's loopback; repeatable."),
    Flag(name="disk", metavar="PATH[,size=SIZE]", repeatable=True, doc="A disk for the guest, made if it is not there; repeatable."),
    Flag(name="mem", metavar="SIZE", doc="Memory of the guest: 512M, 2G."),
    Flag(name="cpus", metavar="N", doc="CPUs of the guest."),
    Flag(name="share", metavar="FOLDER[,tag=NAME]", repeatable=True, doc="A folder for `mount -t virtiofs NAME` in the guest; repeatable."),
    Flag(name="data", metavar="TEXT", doc="User data, which //pkg/metadata finds in the guest (docs/guide/metadata.md)."),
    Flag(name="uefi", doc="Start the kernel by UEFI firmware, on amd64 and arm64."),
    Flag(name="tpm", metavar="FOLDER", doc="A TPM 2.0 in software, which keeps its state in the folder."),
    Flag(
        name="socket",
        metavar="PATH[,port=N]",
        repeatable=True,
        doc="A Unix socket here that leads to the guest's with that number, by //pkg/host. Default: 2375, Docker's; repeatable.",
    ),
    Flag(name="clock", metavar="TIME", doc="What the guest's clock says at power-on: 2020-01-01T00:00:00. Default: this machine's."),
    Flag(name="vsock", metavar="CID", doc="Sockets between this machine and the guest, whose number is CID (3 or more)."),
)
_ELSEWHERE_FLAGS = (
    Flag(
        name="hypervisor",
        metavar="NAME",
        doc="Another hypervisor, of this host or of another: cloud-hypervisor, firecracker, hyperkit, hyperv, vfkit.",
    ),
    Flag(name="print", doc="With --hypervisor: print its command, after what it needs was built, and start nothing."),
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
            ("lkbuild run --disk /tmp/docker.img,size=4G --mem 1G //images:docker-desktop", "a Docker engine, with a disk that is kept"),
            ("lkbuild run --socket docker.sock --publish 8080:80 //images:docker-desktop", "an engine for DOCKER_HOST=unix://docker.sock"),
            ("lkbuild run --share ~/src,tag=src --uefi //images:minimal", "with a folder of this machine, by UEFI firmware"),
            ("lkbuild run --hypervisor vfkit --arch arm64 --print //images:minimal", "the command that starts it on a Mac"),
            ("lkbuild run --publish 2222:22 //images:sshd", "to log in to, with the keys of images/authorized_keys"),
        ),
        flags=(*_ELSEWHERE_FLAGS, *RUN_FLAGS, *BUILD_FLAGS),
        words=(1, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Build it, then hand the terminal over."""
    parsed = invocation.parsed
    check_run_flags(parsed)
    if invocation.console.json:
        raise UsageError("`lkbuild run` has no --json: what it prints is the program's", hint="`lkbuild build --json` tells what was built")
    from lkbuild.app import run as use_case  # noqa: PLC0415 - not for --help

    options = invocation.options()
    if parsed.text("hypervisor"):
        return _elsewhere(invocation, options)
    if parsed.switch("print"):
        raise UsageError("--print is for another hypervisor", hint="give --hypervisor, too")
    with build_phase(invocation, options) as sink:
        return use_case.run(options, parsed.words[0], parsed.rest or (), run_options(parsed), sink)


def _elsewhere(invocation: Invocation, options: BuildOptions) -> int:
    """By another hypervisor than lkbuild's own."""
    from lkbuild.app import elsewhere  # noqa: PLC0415 - not for --help

    parsed = invocation.parsed
    name = parsed.text("hypervisor") or ""
    with build_phase(invocation, options) as sink:
        what = elsewhere.prepare(options, parsed.words[0], name, run_options(parsed), sink)
    if parsed.switch("print"):
        invocation.console.result(shlex.join(what.command))
        return 0
    return elsewhere.start(name, what)


def run_options(parsed: Parsed) -> dict[str, tuple[str, ...]]:
    """What was given for the program that runs, by flag name."""
    return {flag.name: values for flag in RUN_FLAGS if (values := _values(parsed, flag))}


def _values(parsed: Parsed, flag: Flag) -> tuple[str, ...]:
    if flag.repeatable:
        return parsed.texts(flag.name)
    if not flag.metavar:
        return ("1",) if parsed.switch(flag.name) else ()
    value = parsed.text(flag.name)
    return () if value is None else (value,)


def check_run_flags(parsed: Parsed) -> None:
    """Refuse here what QEMU would refuse with a usage of its own."""
    parsed.number("cpus")
    vsock = parsed.number("vsock")
    if vsock is not None and vsock < _FIRST_CID:
        raise UsageError(f"--vsock {vsock}: 0, 1 and 2 are the hypervisor's and this machine's", hint="for example --vsock 3")
    memory = parsed.text("mem")
    if memory is not None and not re.fullmatch(r"[1-9][0-9]*[KMGT]?", memory, re.IGNORECASE):
        raise UsageError(f"--mem takes a size, not '{memory}'", hint="for example 512M or 2G")
    clock = parsed.text("clock")
    if clock is not None and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", clock):
        raise UsageError(f"--clock takes a time, not '{clock}'", hint="for example --clock 2020-01-01T00:00:00")
    for socket in parsed.texts("socket"):
        path, _, rest = socket.partition(",")
        if not path or (rest and not re.fullmatch(r"port=[1-9][0-9]{0,9}", rest)):
            raise UsageError(f"--socket takes PATH[,port=N], not '{socket}'", hint="for example --socket docker.sock")
    for ports in parsed.texts("publish"):
        if not all(port.isascii() and port.isdecimal() and 0 < int(port) < 65536 for port in ports.split(":", 1)):
            raise UsageError(f"--publish takes HOST:GUEST, two ports, not '{ports}'", hint="for example --publish 2222:22")
