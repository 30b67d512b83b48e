"""A failed action says which, what it ran, how it ended, and how to look inside; what does not depend on it is another matter."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BROKEN = """\
targets:
  broken:
    rule: genrule
    srcs: [word.txt]
    outs: [x]
    cmd: |
      for i in $(seq 1 100); do echo line $i; done
      cat $SRCS >&2
      exit 3
  after: {rule: genrule, srcs: [":broken"], outs: [y], cmd: cp $SRCS $OUT}
  fine: {rule: genrule, outs: [z], cmd: echo fine > $OUT}
"""


@pytest.fixture
def broken(ws):
    ws.write("p/BUILD.yaml", BROKEN)
    ws.write("p/word.txt", "the last word\n")
    return ws


def test_a_failed_action_names_itself_and_ends_the_build_with_1(broken):
    report = broken.build("//p:broken", code=1)
    (error,) = report.errors
    assert (error["class"], error["label"], error["file"], error["line"]) == ("BuildFailed", "//p:broken", "p/BUILD.yaml", 2)
    assert report.states == {"//p:broken": "failed"}
    assert report.counts["failed"] == 1


def test_a_failed_action_shows_the_end_of_its_log_and_where_all_of_it_is(broken):
    shown = broken.build("//p:broken", code=1).stderr
    assert "the last word" in shown
    assert "line 100" in shown
    assert "line 1\n" not in shown
    log = Path(re.search(r"log: (\S+)", shown)[1]).read_text()
    assert log.splitlines() == [*(f"line {number}" for number in range(1, 101)), "the last word"]


def test_a_failed_action_can_be_run_again_and_looked_at_in_its_sandbox(broken):
    shown = broken.build("//p:broken", code=1).stderr
    script = re.search(r"sandbox: sh (\S+) sh", shown)[1]
    again = subprocess.run(["sh", script], capture_output=True, text=True, check=False)
    assert again.returncode == 3
    assert "the last word" in again.stdout + again.stderr
    inside = subprocess.run(["sh", script, "sh", "-c", "cat p/word.txt; id -u"], capture_output=True, text=True, check=False)
    assert inside.stdout.startswith("the last word\n"), inside.stderr


def test_a_target_that_fails_for_two_architectures_at_once_keeps_both(broken):
    shown = broken.build("--keep-going", "--arch", "amd64", "--arch", "arm64", "//p:broken", code=1).stderr
    logs = {Path(log) for log in re.findall(r"log: (\S+)", shown)}
    assert len(logs) == 2
    assert all("the last word" in log.read_text() for log in logs)


def test_a_failure_is_not_cached(broken):
    broken.build("//p:broken", code=1)
    assert broken.build("//p:broken", code=1).counts["failed"] == 1
    broken.edit("p/BUILD.yaml", "exit 3", "echo made > $OUT")
    assert broken.build("//p:after").executed == ["//p:broken genrule", "//p:after genrule"]


def test_what_depends_on_a_failure_is_skipped(broken):
    report = broken.build("//p:after", code=1)
    assert report.states == {"//p:after": "skipped"}
    assert [error["label"] for error in report.errors] == ["//p:broken"]


def test_keep_going_builds_all_that_can_be_built(broken):
    report = broken.build("--keep-going", "-j1", "//p/...", code=1)
    assert report.states == {"//p:broken": "failed", "//p:after": "skipped", "//p:fine": "built"}
    assert report.executed == ["//p:fine genrule"]


def test_without_keep_going_nothing_starts_after_a_failure(ws):
    # One at a time, and the failure is on the longer path: it goes first.
    chain = "".join(f'  c{n}: {{rule: genrule, srcs: [":c{n - 1}"], outs: [x], cmd: cp $SRCS $OUT}}\n' for n in range(1, 4))
    ws.write(
        "p/BUILD.yaml",
        f"targets:\n  c0: {{rule: genrule, outs: [x], cmd: exit 1}}\n{chain}  fine: {{rule: genrule, outs: [z], cmd: echo > $OUT}}\n",
    )
    report = ws.build("-j1", "//p/...", code=1)
    assert report.executed == []
    assert report.states["//p:fine"] == "skipped"
    assert ws.build("-j1", "--keep-going", "//p/...", code=1).executed == ["//p:fine genrule"]


def test_a_command_stops_at_the_first_of_its_commands_that_fails(ws):
    ws.write("p/BUILD.yaml", 'targets:\n  a: {rule: genrule, outs: [a], cmd: "false | cat; echo a > $OUT"}\n')
    ws.build("//p:a", code=1)


def test_a_command_has_no_network_and_sees_nothing_of_the_host(ws):
    script = "ip -o link | grep -v ' lo:' && exit 1; test ! -e /root/. -o -z \"$(ls -A /root)\"; test ! -e /work; echo $(ls /) > $OUT"
    ws.write("p/BUILD.yaml", f"targets:\n  a:\n    rule: genrule\n    outs: [a]\n    cmd: |\n      {script}\n")
    assert "workspace" not in ws.build("//p:a").text


def test_a_missing_source_is_an_error_at_its_place_and_nothing_runs(ws):
    ws.write("p/BUILD.yaml", "targets:\n  a:\n    rule: genrule\n    srcs: [gone.txt]\n    outs: [a]\n    cmd: cp $SRCS $OUT\n")
    report = ws.build("//p:a", code=7)
    (error,) = report.errors
    assert (error["file"], error["line"]) == ("p/BUILD.yaml", 4)
    assert report.executed == []
