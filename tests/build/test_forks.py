"""A command that is forked, as the harness does it, says and does what the command that a user starts does."""

import os
import subprocess

import pytest
from harness import forks
from harness.workspace import LKBUILD

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

#: Quiet where a time would be said.
COMMANDS = (
    ("version",),
    ("build", "//p:nothing"),
    ("build", "--no-such-option"),
    ("build", "-q", "//p:told"),
    ("query", "//..."),
    ("help", "build"),
)
TOLD = "targets: {told: {rule: genrule, outs: [told], cmd: echo told > $OUT}}\n"


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_fork_has_the_exit_code_and_the_output_of_a_start(ws, arguments):
    ws.write("p/BUILD.yaml", TOLD)
    ws.build("//p:told")
    started = subprocess.run(
        [LKBUILD, *arguments], cwd=ws.root, env=ws._environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    forked = forks.run(arguments, ws.root, ws._environment())
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_fork_that_fails_has_the_exit_code_of_a_failure(ws):
    ws.write("p/BUILD.yaml", "targets: {ends: {rule: genrule, outs: [x], cmd: exit 9}}\n")
    assert forks.run(("build", "//p:ends"), ws.root, ws._environment()).returncode == 1


def test_what_python_reads_when_it_starts_needs_a_start(ws):
    for name in ("PYTHONHASHSEED", "PYTHONPATH", "LC_ALL", "LANG"):
        assert forks.run(("version",), ws.root, {**os.environ, name: "1"}) is None
