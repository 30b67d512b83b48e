"""How many actions run at once, seen from outside."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock


def running(mark):
    """Which of the marked commands run now, by their number: from the command lines of all processes."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if mark in line:
            found.update(number for number in range(4) if f"{mark}-{number}-" in line)
    return found


def write(ws, mark, seconds):
    targets = "".join(
        f'  t{n}: {{rule: genrule, outs: [x], cmd: "echo {mark}-{n}- > $OUT && sleep {seconds} && true"}}\n' for n in range(4)
    )
    ws.write("p/BUILD.yaml", f"targets:\n{targets}")


@pytest.fixture
def mark(tmp_path):
    return f"{tmp_path.name}-{os.getpid()}"


def test_one_job_is_one_at_a_time(ws, mark, tmp_path):
    write(ws, mark, 0)
    ws.build("-j1", f"--events={tmp_path / 'events'}", "//p/...")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    order = [(event["event"], event["label"]) for event in events if event.get("mnemonic") == "genrule"]
    started, ended = order[::2], order[1::2]
    assert [kind for kind, _ in started] == ["action_started"] * 4
    assert [label for _, label in started] == [label for _, label in ended]


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two actions that compute need two processors")
def test_two_jobs_run_side_by_side_and_no_third(ws, mark):
    write(ws, mark, 100_000)
    process = ws.start("build", "-j2", "//p/...")
    try:
        for _ in range(6000):
            if len(running(mark)) == 2 or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None
        assert len(running(mark)) == 2
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate()
    assert process.returncode == 8


def test_the_number_of_jobs_changes_no_key_and_no_byte(ws, mark, new_store):
    write(ws, mark, 0)
    one = ws.build("-j1", "//p/...")
    two = ws.beside("there", cache=new_store("second")).build("-j2", "//p/...")
    assert (one.keys, one.digests) == (two.keys, two.digests)


def test_an_ordinary_action_steps_back_for_those_that_take_all_processors(ws):
    nice = "read -r line < /proc/self/stat; set -- $line; test ${19} -gt " + str(os.getpriority(os.PRIO_PROCESS, 0))  # proc_pid_stat(5)
    ws.write("p/BUILD.yaml", f"targets:\n  t:\n    rule: genrule\n    outs: [x]\n    cmd: until {nice}; do true; done; touch $OUT\n")
    ws.build("//p:t")
