"""`lkbuild test` on tests that are commands: what passed is not run again, what failed says why, exit codes are Bazel's."""

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

TARGETS = """\
targets:
  tidy:
    rule: sh_test
    srcs: [list.txt]
    cmd: sort -c $SRCS || { echo "$SRCS is not sorted"; exit 1; }
"""


def test_a_test_that_passed_runs_again_only_when_what_it_reads_has_changed(ws):
    ws.write("p/BUILD.yaml", TARGETS)
    ws.write("p/list.txt", "a\nb\n")
    first = ws.test("//p/...")
    assert (first.states, first.executed) == ({"//p:tidy": "passed"}, ["//p:tidy sh_test"])
    assert ws.test("//p/...").executed == []
    ws.write("p/list.txt", "a\nc\n")
    assert ws.test("//p/...").executed == ["//p:tidy sh_test"]


def test_a_dry_run_runs_no_test(ws):
    ws.write("p/BUILD.yaml", TARGETS)
    ws.write("p/list.txt", "b\na\n")
    planned = ws.test("--dry-run", "//p/...")
    assert (planned.states, planned.executed) == ({"//p:tidy": "would_build"}, [])


def test_a_test_that_fails_is_exit_code_3_and_what_it_printed_is_shown(ws):
    ws.write("p/BUILD.yaml", TARGETS)
    ws.write("p/list.txt", "b\na\n")
    failed = ws.test("//p/...", code=3)
    assert failed.states == {"//p:tidy": "failed"}
    assert [(error["class"], error["label"]) for error in failed.errors] == [("TestsFailed", "//p:tidy")]
    assert "p/list.txt is not sorted" in failed.stderr
    # It is no result: put right, it runs.
    ws.write("p/list.txt", "a\nb\n")
    assert ws.test("//p/...").executed == ["//p:tidy sh_test"]


def test_an_early_exit_ends_the_command_and_not_the_test(ws):
    ws.write("p/BUILD.yaml", TARGETS.partition("cmd:")[0] + "cmd: echo enough && exit 0\n")
    ws.write("p/list.txt", "")
    report = ws.test("//p/...")
    assert report.states == {"//p:tidy": "passed"}
    assert report.path.read_text() == "enough\n"


def test_where_nothing_is_a_test_it_says_so(ws):
    ws.write("p/BUILD.yaml", "targets:\n  made: {rule: genrule, outs: [x], cmd: echo x > $OUT}\n")
    assert ws.test("//p/...", code=4).told["errors"][0]["class"] == "NoTests"
