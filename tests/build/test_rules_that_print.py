"""A rule that prints, as whoever writes one does: stdout stays what the command promises, and what was printed is on stderr."""

import json

import pytest

RULE = """\
import sys

from lkbuild.model.artifact import Inline, NamedArtifact
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule

print("importing")


def discover(target, configuration):
    print("discovering for", target.label.name)
    return
    yield


def analyze(ctx):
    print("analysing", ctx.label.name)
    sys.stdout.write("writing\\n")
    return [Files((NamedArtifact("x", Inline(b"x")),))]


RULE = Rule(name="telling", doc="Prints.", attrs={}, analyze=analyze, discover=discover)
"""


@pytest.fixture
def telling(ws):
    ws.write("rules/telling/rule.py", RULE)
    ws.write("p/BUILD.yaml", "targets:\n  t: {rule: telling}\n")
    return ws


def test_what_a_rule_prints_is_on_stderr_and_in_no_list_of_paths(telling):
    done = telling.lkbuild("build", "//p:t")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [str(telling.build("//p:t").path)]
    for text in ("importing", "discovering for t", "analysing t", "writing"):
        assert done.stderr.splitlines().count(text) == 1, text


@pytest.mark.parametrize("verb", [("build",), ("query",), ("query", "--actions"), ("why",)], ids=" ".join)
def test_the_object_of_json_is_all_that_stands_on_stdout(telling, verb):
    told = json.loads(telling.lkbuild(*verb, "--json", "//p:t").stdout)
    assert told["ok"]


def test_stdout_is_back_after_a_rule_that_fails(telling):
    telling.edit("rules/telling/rule.py", "    sys.stdout.write", "    raise ValueError(1)\n    sys.stdout.write")
    report = telling.build("//p:t", code=7)
    assert [error["class"] for error in report.errors] == ["AnalysisError"]
    assert "analysing t" in report.stderr


def test_stdout_is_back_after_a_rule_that_has_replaced_it(telling):
    telling.edit("rules/telling/rule.py", "    sys.stdout.write", "    sys.stdout = None\n    print")
    telling.build("//p:t")
