"""A real engine of several processes, and one of them gone in the middle of an action: the build ends with the right bits, made there."""

from __future__ import annotations

import subprocess
import time

import pytest
from harness.buildgrid import buildgrid
from harness.host_root import began, end_until, new_marker, processes_with
from harness.workspace import as_report

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUILD = """targets:
  slow: {rule: genrule, srcs: [seconds.txt], outs: [slow], cmd: "sleep $(cat $SRCS) & echo x > $OUT; wait"}
  last: {rule: genrule, srcs: [":slow"], outs: [last], cmd: "tr a-z A-Z < $SRCS > $OUT"}
"""
#: How long the database is gone.
GONE_S = 10
#: After how long without a word a worker is dead.
DEAD_S = 15


@pytest.fixture(scope="module")
def grid(buildgrid_parts):
    with buildgrid(buildgrid_parts, keepalive_s=DEAD_S) as running:
        yield running


@pytest.fixture
def begun(ws, grid):
    """A build whose first command runs on a worker, until somebody ends its process; its marker."""
    marker = new_marker()
    ws.write("p/seconds.txt", marker)
    ws.write("p/BUILD.yaml", BUILD)
    build = ws.start("build", "--json", "//p:last", "--strategy=remote", f"--remote={grid.url}", "--remote-required")
    began(marker, build)
    return build, marker


def end(build, marker):
    """Let the command come to its end, wherever and however often it runs; the report of the build."""
    end_until(lambda: build.poll() is not None, marker)
    stdout, stderr = build.communicate()
    return as_report(subprocess.CompletedProcess([], build.returncode, stdout, stderr), 0)


def worker_of(grid, marker):
    """The worker that runs the marker's process."""
    (found,) = [name for name in ("one", "two") if any(pid in grid.processes(name) for pid in processes_with(marker))]
    return found


def test_what_a_dead_worker_ran_runs_on_another_one(grid, begun):
    build, marker = begun
    lost = worker_of(grid, marker)
    grid.kill(lost)
    try:
        began(marker, build)
        assert worker_of(grid, marker) != lost
        report = end(build, marker)
    finally:
        grid.start_worker(lost)
    assert report.text == "X\n"
    assert "//p:slow genrule" in report.executed


def test_a_scheduler_that_is_started_again_goes_on_with_what_runs(grid, begun):
    build, marker = begun
    grid.kill("scheduler")
    grid.start_scheduler()
    assert end(build, marker).text == "X\n"


def test_a_command_that_ends_while_the_scheduler_is_down_has_its_answer(grid, begun):
    build, marker = begun
    grid.kill("scheduler")
    for pid in processes_with(marker):
        subprocess.run(["kill", str(pid)], check=True)
    grid.start_scheduler()
    assert end(build, marker).text == "X\n"


def test_a_database_that_is_gone_for_a_while_is_waited_for(grid, begun):
    build, marker = begun
    grid.kill("database")
    time.sleep(GONE_S)  # the fault itself
    grid.start_database()
    assert end(build, marker).text == "X\n"
