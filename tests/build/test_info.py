"""`lkbuild info` outside a workspace tells what can be told there."""

import json

import pytest


@pytest.mark.parametrize("topic", ["rules", "schema"])
def test_rules_are_told_where_no_workspace_is(ws, topic):
    (ws.root / "BUILD.yaml").unlink()
    done = ws.lkbuild("info", topic, "--json")
    assert done.returncode == 0, done.stderr
    assert "genrule" in json.dumps(json.loads(done.stdout))


def test_a_workspaces_own_rules_are_told_in_it(ws):
    rule = ws.write(
        "rules/mine/rule.py",
        "from lkbuild.model.rule import Rule\nRULE = Rule(name='mine', doc='Mine.', attrs={}, analyze=lambda ctx: [])\n",
    )
    assert rule.is_file()
    told = json.loads(ws.lkbuild("info", "rules", "--json").stdout)
    assert {"mine", "genrule"} <= told.keys()


def test_the_workspace_is_an_error_where_there_is_none(ws):
    (ws.root / "BUILD.yaml").unlink()
    assert ws.lkbuild("info").returncode == 7


def test_what_takes_the_space_is_told_by_target(ws):
    ws.write(
        "p/BUILD.yaml",
        """\
targets:
  small: {rule: genrule, outs: [x], cmd: echo small > $OUT}
  large: {rule: genrule, outs: [x], cmd: head -c 300000 /dev/urandom > $OUT}
""",
    )
    ws.build("//...")
    ws.edit("p/BUILD.yaml", "300000", "400000")
    ws.build("//...")
    told = json.loads(ws.lkbuild("cache", "info", "--json").stdout)["targets"]
    assert [name for name in told if name.startswith("//")] == ["//p:large", "//p:small"]
    # Of both builds.
    assert 700_000 <= told["//p:large"]["bytes"] < 701_000
