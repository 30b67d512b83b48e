"""Ctrl-C and SIGTERM of a real build: the first stops in order, the second kills; nothing outlives either, and the next build is right."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

LKBUILD = Path(sys.executable).with_name("lkbuild")
BUILD = """\
workspace:
  name: interrupt
targets:
  quick:
    rule: genrule
    outs: [quick.txt]
    cmd: echo quick > $OUT
  slow:
    rule: genrule
    srcs: [":quick"]
    outs: [slow.txt]
    cmd: echo {word} && sleep {seconds} && echo slow > $OUT
"""

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def long_time(workspace):
    """Seconds that no test waits for; each workspace its own, so that its process is told from another's."""
    return 100_000 + zlib.crc32(os.fsencode(workspace)) % 100_000


@pytest.fixture
def workspace(tmp_path):
    write(tmp_path, seconds=long_time(tmp_path))
    return tmp_path


def write(workspace, seconds):
    # The word is in the command, so no two tests share an action.
    (workspace / "BUILD.yaml").write_text(BUILD.format(word=workspace.name, seconds=seconds))


@pytest.fixture
def start(workspace, cache):
    """Starts a build and returns once its slow command runs; whatever the test does, the build does not outlive it."""
    builds = []

    def begin():
        with (workspace / "stderr").open("w") as err:
            command = [LKBUILD, "build", "--cache", cache, "//:slow"]
            builds.append(subprocess.Popen(command, cwd=workspace, stdout=subprocess.DEVNULL, stderr=err, start_new_session=True))
        # Until the command itself runs: bubblewrap asks to die with its parent a moment after it is started, and a parent that is
        # killed within that moment leaves it behind (docs/design/0004).
        wait_until(lambda: runs(workspace) or builds[-1].poll() is not None)
        assert builds[-1].poll() is None, (workspace / "stderr").read_text()
        return builds[-1]

    yield begin
    for process in builds:
        process.kill()
        process.wait()


def wait_until(holds):
    """Until it holds. A minute is for a machine that hangs, and no measure of anything."""
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never came to hold")


def build(workspace, cache, *arguments):
    command = [LKBUILD, "build", "--cache", cache, *arguments]
    return subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False, timeout=120)


def survivors(workspace):
    """Processes that still run the slow command, by their command line."""
    return [line for line in command_lines() if f"sleep {long_time(workspace)}".encode() in line]


def runs(workspace):
    """Whether the slow command has come to its sleep."""
    return any(line == f"sleep\0{long_time(workspace)}\0".encode() for line in command_lines())


def command_lines():
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield (folder / "cmdline").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_stops_in_order_and_what_was_built_is_kept(workspace, cache, start, number):
    process = start()
    os.kill(process.pid, number)
    assert process.wait(60) == 8
    said = (workspace / "stderr").read_text()
    assert "Traceback" not in said
    assert "FAILED" not in said
    assert not survivors(workspace)
    write(workspace, seconds=0)
    done = build(workspace, cache, "--json", "//:slow")
    assert done.returncode == 0
    assert json.loads(done.stdout)["executed"] == ["//:slow genrule"]


def test_a_second_signal_kills_and_the_next_build_is_right(workspace, cache, start):
    process = start()
    os.kill(process.pid, signal.SIGSTOP)  # both are pending when it goes on: the second can't come too late
    os.kill(process.pid, signal.SIGINT)
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(60) == 8
    wait_until(lambda: not survivors(workspace))
    write(workspace, seconds=0)
    assert build(workspace, cache, "//:slow").returncode == 0


def test_a_killed_build_leaves_no_process_and_a_store_that_works(workspace, cache, start):
    process = start()
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    wait_until(lambda: not survivors(workspace))  # the kernel kills the sandbox with its parent: PR_SET_PDEATHSIG
    write(workspace, seconds=0)
    done = build(workspace, cache, "//:slow")
    assert done.returncode == 0
    assert Path(done.stdout.strip()).read_text() == "slow\n"
