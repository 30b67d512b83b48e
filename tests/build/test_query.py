"""The graph, asked: as labels, as JSON, as dot. Nothing is built for it, and nothing is fetched."""

import json

import pytest

BUILD = """\
targets:
  a: {rule: genrule, outs: [x], cmd: echo a > $OUT}
  b: {rule: genrule, srcs: [":a"], outs: [y], cmd: cp $SRCS $OUT}
  c: {rule: filegroup, srcs: [":b"]}
  d: {rule: filegroup}
"""


@pytest.fixture
def graph(ws):
    ws.write("p/BUILD.yaml", BUILD)
    return ws


def ask(ws, *arguments):
    done = ws.lkbuild("query", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("//p:c", ["//p:c"]),
        ("//...", ["//p:a", "//p:b", "//p:c", "//p:d"]),
        ("deps(//p:c)", ["//p:a", "//p:b", "//p:c"]),
        ("rdeps(//..., //p:a)", ["//p:a", "//p:b", "//p:c"]),
        ("kind(filegroup, //...)", ["//p:c", "//p:d"]),
        ("somepath(//p:c, //p:a)", ["//p:a", "//p:b", "//p:c"]),
        ("attr(srcs, '^.\"//p:a\"', //...)", ["//p:b"]),
        ("attr(cmd, 'echo a', //...)", ["//p:a"]),
        ("attr(testonly, true, //...)", []),
        ("filter('b$', //...)", ["//p:b"]),
        ("deps(//p:c) - //p:c", ["//p:a", "//p:b"]),
        ("deps(//p:c) ^ kind(genrule, //...)", ["//p:a", "//p:b"]),
    ],
)
def test_an_expression_selects(graph, expression, answer):
    assert ask(graph, expression) == answer


def test_json_has_rule_place_and_dependencies(graph):
    lines = [json.loads(line) for line in ask(graph, "deps(//p:b)", "--output", "json")]
    assert lines == [
        {"label": "//p:a", "rule": "genrule", "position": "p/BUILD.yaml:2:3", "deps": []},
        {"label": "//p:b", "rule": "genrule", "position": "p/BUILD.yaml:3:3", "deps": ["//p:a"]},
    ]


def test_dot_has_every_edge_and_no_other(graph):
    text = ask(graph, "deps(//p:c)", "--output", "dot")
    assert text[0].startswith("digraph")
    assert text[-1] == "}"
    edges = {tuple(part.strip(' ";') for part in line.split("[")[0].split("->")) for line in text if "->" in line}
    assert edges == {("//p:b", "//p:a"), ("//p:c", "//p:b")}


def test_a_query_executes_and_writes_nothing(graph):
    ask(graph, "deps(//...)")
    assert not (graph.root / "lkbuild-out").exists()
    assert graph.build("//p:c").executed == ["//p:a genrule", "//p:b genrule"]


@pytest.mark.parametrize("expression", ["deps(", "//p:c +", "nothing(//p:c)"])
def test_a_wrong_expression_is_a_usage_error(graph, expression):
    assert graph.lkbuild("query", expression).returncode == 2


def test_an_unknown_target_is_an_error_with_the_nearest_name(graph):
    done = graph.lkbuild("query", "//p:e")
    assert done.returncode == 7
    assert done.stdout == ""
