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
