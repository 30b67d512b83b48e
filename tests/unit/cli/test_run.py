"""`lkbuild run`: what it takes, and who has the terminal when."""

import io
import signal

import pytest

from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import UsageError
from lkbuild.cli.commands.run import command
from lkbuild.cli.console import Console
from lkbuild.cli.flags import parse
from lkbuild.cli.invocation import Invocation
from lkbuild.cli.outcome import build_phase
from lkbuild.model.events import BuildFinished


def invocation(tmp_path, *arguments):
    console = Console(stdout=io.StringIO(), stderr=io.StringIO(), environment={}, json="--json" in arguments)
    parsed = parse("run", command().flags, arguments, {})
    return Invocation(command=command(), parsed=parsed, environment={}, cwd=tmp_path, console=console)


@pytest.mark.parametrize(
    "arguments",
    [
        *[
            ("--mem", "lots"),
            ("--mem", "0"),
            ("--cpus", "0"),
            ("--publish", "x:22"),
            ("--publish", "1:99999"),
            ("-p", "1:2:3"),
            ("--json",),
        ],
        *[("--clock", "noon"), ("--socket", ",port=7"), ("--socket", "x,port=y"), ("--socket", "x,tag=y")],
    ],
)
def test_what_qemu_would_refuse_is_refused_here(tmp_path, arguments):
    with pytest.raises(UsageError):
        command().main(invocation(tmp_path, *arguments, "//x"))


def test_signals_are_the_builds_until_it_ends_and_then_not(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    options = BuildOptions(cwd=tmp_path, cache=tmp_path)
    with build_phase(invocation(tmp_path, "//x"), options) as sink:
        assert signal.getsignal(signal.SIGINT) is not before
        sink.emit(BuildFinished(ok=True, seconds=1))
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before
    assert not options.cancel.requested
