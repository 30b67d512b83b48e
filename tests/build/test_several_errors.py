"""Several BUILD.yaml that are wrong: a wildcard tells of all of them in one run, as a compiler does."""

import json

import pytest
from harness.watching import watching

BROKEN = "targets:\n  t: {{rule: filegrou{extra}}}\n"
GOOD = "targets:\n  t: {rule: filegroup}\n"


@pytest.fixture
def broken(ws):
    """Three packages of five are wrong: their names begin with b."""
    for name in ("b1", "b2", "sub/b3"):
        ws.write(f"{name}/BUILD.yaml", BROKEN.format(extra=""))
    for name in ("good", "sub/good"):
        ws.write(f"{name}/BUILD.yaml", GOOD)
    return ws


def files(told):
    return [error["file"] for error in told["errors"]]


@pytest.mark.parametrize("verb", ["build", "query", "why", "test", "fetch"])
def test_a_wildcard_tells_of_every_package_that_is_wrong(broken, verb):
    done = broken.lkbuild(verb, "--json", "//...")
    assert done.returncode == 7
    told = json.loads(done.stdout)
    assert files(told) == ["b1/BUILD.yaml", "b2/BUILD.yaml", "sub/b3/BUILD.yaml"]
    assert {error["class"] for error in told["errors"]} == {"LoadError"}
    assert told["exit_code"] == 7
    assert [line.partition(": ")[0] for line in done.stderr.splitlines() if ": error: " in line] == [f"{file}:2:13" for file in files(told)]
    assert done.stderr.count("hint: did you mean 'filegroup'?") == 3


def test_several_wildcards_tell_of_each_package_once(broken):
    assert files(broken.build("//sub/...", "//b2:all", "//...", code=7).told) == ["sub/b3/BUILD.yaml", "b2/BUILD.yaml", "b1/BUILD.yaml"]


def test_a_wildcard_that_selects_nothing_is_told_with_what_else_is_wrong(broken):
    errors = broken.build("//nowhere/...", "//sub/...", code=7).errors
    assert [error["file"] for error in errors] == [None, "sub/b3/BUILD.yaml"]


def test_what_is_wrong_elsewhere_is_nobodys_business(broken):
    broken.build("//good/...")
    assert files(broken.build("//sub/...", code=7).told) == ["sub/b3/BUILD.yaml"]


def test_a_rule_that_can_not_be_imported_is_told_last_and_once(broken):
    broken.write("rules/bad/rule.py", "RULE = 0\n")
    for name in ("c1", "c2"):
        broken.write(f"{name}/BUILD.yaml", "targets:\n  t: {rule: bad}\n")
    errors = broken.build("//...", code=7).errors
    assert [error["class"] for error in errors] == ["LoadError", "LoadError", "AnalysisError"]


def test_of_very_many_the_first_twenty_are_shown_and_all_are_in_the_object(ws):
    for number in range(25):
        ws.write(f"p{number:02}/BUILD.yaml", BROKEN.format(extra="x"))
    done = ws.lkbuild("build", "--json", "//...")
    assert len(json.loads(done.stdout)["errors"]) == 25
    assert done.stderr.count(": error: ") == 20
    assert done.stderr.endswith("and 5 more errors\n")


def test_a_watch_tells_of_all_and_then_of_those_that_are_left(broken):
    with watching(broken, "//...") as watch:
        assert files(watch.first()) == ["b1/BUILD.yaml", "b2/BUILD.yaml", "sub/b3/BUILD.yaml"]
        broken.write("b2/BUILD.yaml", GOOD)
        assert files(watch.next()) == ["b1/BUILD.yaml", "sub/b3/BUILD.yaml"]
        broken.write("b1/BUILD.yaml", GOOD)
        assert files(watch.next()) == ["sub/b3/BUILD.yaml"]
        broken.write("sub/b3/BUILD.yaml", GOOD)
        assert watch.next()["ok"]
