"""What a command writes on a worker of a distributed engine is seen while it runs: scheduler, database and workers are real.

The server of logs is the harness's own: no release of BuildGrid and no program of buildbox has one, they only write to one and name it.
"""

from __future__ import annotations

import threading

import pytest
from harness.buildgrid import buildgrid
from harness.host_root import end_until, new_marker, processes_with

pytestmark = [pytest.mark.network, pytest.mark.slow]

BUILD = """targets:
  slow: {rule: genrule, srcs: [seconds.txt], outs: [slow], cmd: "echo it has begun; sleep $(cat $SRCS) & wait; echo it ends; echo x > $OUT"}
"""
#: Nobody would say that it is seen while it runs if it took longer.
HEARD_S = 300


@pytest.fixture(scope="module")
def grid(buildgrid_parts):
    with buildgrid(buildgrid_parts, workers=("one",), logs=True) as running:
        yield running


def test_what_a_command_writes_is_seen_while_it_runs_and_each_line_once(grid, ws):
    marker = new_marker()
    ws.write("p/seconds.txt", marker)
    ws.write("p/BUILD.yaml", BUILD)
    lines, begun = [], threading.Event()
    with ws.start("build", "--verbose", "//p:slow", "--strategy=remote", f"--remote={grid.logs}", "--remote-required") as build:

        def read():
            for line in build.stderr:
                lines.append(line)
                if line.endswith("it has begun\n"):
                    begun.set()

        reader = threading.Thread(target=read)
        reader.start()
        seen = begun.wait(HEARD_S)
        running = processes_with(marker)
        end_until(lambda: build.poll() is not None, marker)
        reader.join()
    text = "".join(lines)
    assert (seen, bool(running), build.returncode) == (True, True, 0), text
    assert [text.count(f"{said}\n") for said in ("it has begun", "it ends")] == [1, 1], text
