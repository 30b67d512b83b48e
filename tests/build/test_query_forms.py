"""The longer answers of a query: declarations as YAML, actions as JSON lines."""

import json

import networkx as nx
import pytest
import yaml
from harness.workspace import Workspace

BUILD = """\
targets:
  one:
    rule: genrule
    doc: The first.
    tags: [x]
    srcs: [{glob: ["*.txt"]}]
    outs: [one]
    cmd:
      select: {arm64: "echo arm > $OUT", default: "cat $SRCS > $OUT"}
  two:
    rule: genrule
    srcs: [":one"]
    outs: [two]
    cmd: cp $SRCS $OUT
"""


@pytest.fixture
def pair(tmp_path, ws_without_store):
    ws_without_store.write("p/BUILD.yaml", BUILD)
    for name in ("a", "b"):
        ws_without_store.write(f"p/{name}.txt", name)
    return ws_without_store


@pytest.fixture
def ws_without_store(tmp_path):
    (tmp_path / "workspace").mkdir()
    workspace = Workspace(tmp_path / "workspace", tmp_path / "cache", {"HOME": str(tmp_path)})
    workspace.write("BUILD.yaml", "workspace: {name: test}\n")
    return workspace


def query(ws, *words):
    done = ws.lkbuild("query", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_declarations_are_yaml_that_says_the_same(pair):
    told = query(pair, "//p:all", "--output", "build")
    assert "# //p:one, p/BUILD.yaml:2" in told.splitlines()
    said = yaml.safe_load(told)
    written = yaml.safe_load(BUILD)["targets"]
    written["one"]["srcs"] = ["a.txt", "b.txt"]
    written["two"]["srcs"] = ["//p:one"]
    assert said == written
    pair.write("q/BUILD.yaml", "targets:\n" + "".join(f"  {line}\n" for line in told.replace("a.txt, b.txt", "").splitlines()))
    assert query(pair, "//q:all") == "//q:one\n//q:two\n"


def test_actions_are_a_json_object_each(pair):
    lines = [json.loads(line) for line in query(pair, "--actions", "//p:two").splitlines()]
    action = lines[-1]
    assert (action["label"], action["mnemonic"], action["arguments"][:2]) == ("//p:two", "genrule", ["/bin/sh", "-c"])
    assert action["inputs"][0]["output"] == "out/one"
    assert action["inputs"][0]["made_by"] in action["needs"]
    assert action["outputs"] == [{"path": "out/two", "tree": False}]
    assert action["environment"]["SRCS"]
    assert action["root"]["made_by"] in action["needs"]
    assert {line["label"] for line in lines} == {"//p:two"}


def test_actions_are_those_of_the_architecture_asked_for(pair):
    for arch, command in (("arm64", "echo arm"), ("s390x", "cat $SRCS")):
        last = json.loads(query(pair, "--actions", "--arch", arch, "//p:one").splitlines()[-1])
        assert last["configuration"] == arch
        assert command in last["arguments"][2]


def test_with_json_actions_are_one_object(pair):
    told = json.loads(query(pair, "--actions", "--json", "//p:all"))
    assert (told["version"], told["ok"]) == (1, True)
    assert {action["label"] for action in told["actions"]} == {"//p:one", "//p:two"}


def test_graphml_is_the_graph_with_the_rule_of_each_target(pair):
    graph = nx.parse_graphml(query(pair, "//p:all", "--output", "graphml"))
    assert graph.is_directed()
    assert dict(graph.nodes(data="rule")) == {"//p:one": "genrule", "//p:two": "genrule"}
    assert list(graph.edges) == [("//p:two", "//p:one")]
