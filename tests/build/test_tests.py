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


ARCHES = """\
targets:
  own: {rule: sh_test, arches: [arm64, s390x], cmd: echo own}
  some: {rule: genrule, arches: [arm64], outs: [x], cmd: touch $OUT}
  through: {rule: sh_test, srcs: [":some"], cmd: echo through}
  any: {rule: sh_test, cmd: echo any}
"""


def test_what_a_wildcard_finds_and_an_architecture_does_not_have_is_incompatible_and_no_failure(ws):
    ws.write("p/BUILD.yaml", ARCHES)
    told = ws.test("--arch", "arm64", "--arch", "riscv64", "//p/...")
    verdicts = {(item["label"], item["configuration"]): (item["state"], item.get("reason")) for item in told.told["targets"]}
    assert verdicts == {
        ("//p:own", "arm64"): ("passed", None),
        ("//p:through", "arm64"): ("passed", None),
        ("//p:any", "arm64"): ("passed", None),
        ("//p:own", "riscv64"): ("incompatible", "is for arm64, s390x"),
        ("//p:through", "riscv64"): ("incompatible", "needs //p:some, which is for arm64"),
        ("//p:any", "riscv64"): ("passed", None),
    }
    # The second time, by what the first left behind.
    lines = [ws.lkbuild("test", "--arch", "riscv64", "//p/...").stdout.splitlines() for _ in range(2)]
    assert lines[0] == lines[1]
    assert "incompatible //p:through (riscv64): needs //p:some, which is for arm64" in lines[0]


@pytest.mark.parametrize("name", ["own", "through"])
def test_what_is_named_is_an_error_where_an_architecture_does_not_have_it(ws, name):
    ws.write("p/BUILD.yaml", ARCHES)
    (error,) = ws.test("--arch", "riscv64", f"//p:{name}", "//p:any", code=7).errors
    assert (error["class"], error["label"]) == ("AnalysisError", f"//p:{name}")


def test_where_an_architecture_has_none_of_the_tests_it_says_so(ws):
    ws.write("p/BUILD.yaml", ARCHES.partition("  any:")[0])
    assert ws.test("--arch", "riscv64", "//p/...", code=4).errors[0]["class"] == "NoTests"
