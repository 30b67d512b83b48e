"""Ctrl-C and SIGTERM before anything runs: while rules are imported and targets analysed, the first ends the command at the next step.

The rule of these workspaces waits for a file, so that a signal always comes while it runs; what it has said tells how far it got.
"""

import json
import os
import signal
import subprocess
import time

import pytest

TARGETS = 5
WAITING = """\
import os
import time
from pathlib import Path

from lkbuild.model.rule import Rule

HERE = Path(__file__).parents[2]


def wait(name):
    with (HERE / "begun").open("a") as file:
        print(name, file=file)
    while not (HERE / "go").exists():
        time.sleep(0.01)


def analyze(ctx):
    {analysing}
    return []


{importing}
RULE = Rule(name="{name}", doc="Waits.", attrs={{}}, analyze=analyze)
"""


@pytest.fixture
def analysed(ws):
    """A workspace of targets whose analysis waits."""
    ws.write("rules/waiting/rule.py", WAITING.format(name="waiting", analysing="wait(ctx.label.name)", importing=""))
    ws.write("p/BUILD.yaml", "targets:\n" + "".join(f"  t{number}: {{rule: waiting}}\n" for number in range(TARGETS)))
    return ws


@pytest.fixture
def imported(ws):
    """A workspace of packages, each with a rule whose import waits."""
    for number in range(TARGETS):
        name = f"waiting{number}"
        ws.write(f"rules/{name}/rule.py", WAITING.format(name=name, analysing="pass", importing=f"wait({name!r})"))
        ws.write(f"p{number}/BUILD.yaml", f"targets:\n  t: {{rule: {name}}}\n")
    return ws


def wait_until(holds, process):
    """Until it holds. A minute is for a machine that hangs, and no measure of anything."""
    for _ in range(6000):
        if holds():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    pytest.fail("it never came to hold")


def begun(workspace):
    file = workspace.root / "begun"
    return file.read_text().splitlines() if file.exists() else []


def interrupted(workspace, number, *arguments):
    """Send a signal while the first rule waits, let it go on once that is told; exit code, stdout and stderr."""
    err = workspace.root / "stderr"
    with err.open("w") as stderr:
        process = subprocess.Popen(
            [*workspace.command, *arguments],
            cwd=workspace.root,
            env=workspace._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        wait_until(lambda: begun(workspace), process)
        os.kill(process.pid, number)
        wait_until(lambda: "stopping in order" in err.read_text(), process)
        (workspace.root / "go").touch()
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", [("build",), ("build", "--dry-run"), ("lock", "check")], ids=" ".join)
def test_a_first_signal_ends_the_analysis_at_the_next_target(analysed, number, verb):
    code, out, err = interrupted(analysed, number, *verb, "//...")
    assert (code, out) == (8, b"")
    assert len(begun(analysed)) == 1
    assert "Traceback" not in err
    assert "error: stopped" in err


def test_a_first_signal_ends_the_import_of_rules_at_the_next_package(imported):
    code, out, err = interrupted(imported, signal.SIGINT, "build", "//...")
    assert (code, out) == (8, b"")
    assert begun(imported) == ["waiting0"]
    assert "Traceback" not in err


def test_a_watch_that_is_interrupted_in_its_first_analysis_ends(analysed):
    code, _, err = interrupted(analysed, signal.SIGINT, "watch", "//...")
    assert code == 8
    assert len(begun(analysed)) == 1
    assert "Traceback" not in err


def test_the_object_of_json_says_that_it_was_interrupted(analysed):
    code, out, _ = interrupted(analysed, signal.SIGINT, "build", "--json", "//...")
    told = json.loads(out)
    assert (code, told["ok"], told["exit_code"]) == (8, False, 8)
    assert [error["class"] for error in told["errors"]] == ["Interrupted"]


def test_the_build_after_it_is_right(analysed):
    interrupted(analysed, signal.SIGINT, "build", "//...")
    assert analysed.lkbuild("build", "//...").returncode == 0
    assert sorted(set(begun(analysed))) == [f"t{number}" for number in range(TARGETS)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", [("query", "--actions"), ("why",)], ids=" ".join)
def test_what_builds_nothing_ends_in_the_middle_of_a_rule(analysed, number, verb):
    """It has nothing to lose: a rule that loops is interrupted, and no step is waited for."""
    process = subprocess.Popen(
        [*analysed.command, *verb, "//..."],
        cwd=analysed.root,
        env=analysed._environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: begun(analysed), process)
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (8, "")
    assert "Traceback" not in err
