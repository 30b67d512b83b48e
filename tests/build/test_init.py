"""`lkbuild init` in an empty folder gives a workspace that builds."""

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock


@pytest.fixture
def empty(ws):
    (ws.root / "BUILD.yaml").unlink()
    return ws


def test_a_new_workspace_builds(empty):
    assert empty.lkbuild("init").returncode == 0
    built = empty.build()
    assert built.states == {"//:hello": "built"}
    assert built.text == (empty.root / "greeting.txt").read_text()
    assert empty.build("//...").executed == []


def test_an_edit_of_its_greeting_builds_again(empty):
    empty.lkbuild("init")
    empty.build()
    empty.write("greeting.txt", "Good day.\n")
    again = empty.build()
    assert (again.executed, again.text) == (["//:hello genrule"], "Good day.\n")


def test_a_folder_that_can_not_be_made_is_told(ws):
    done = ws.lkbuild("init", "/proc/none")
    assert done.returncode == 36
    assert "/proc/none" in done.stderr


def test_a_workspace_that_is_there_is_not_touched(empty):
    empty.write("BUILD.yaml", "workspace: {name: mine}\n")
    assert empty.lkbuild("init").returncode == 2
    assert (empty.root / "BUILD.yaml").read_text() == "workspace: {name: mine}\n"


def test_in_a_workspace_it_says_what_keeps_the_outer_one_whole(ws):
    done = ws.lkbuild("init", "sub/inner")
    assert done.returncode == 0
    assert ws.lkbuild("query", "//...").returncode == 7
    said = next(line for line in done.stderr.splitlines() if "ignore:" in line)
    ws.write("BUILD.yaml", f"workspace: {{name: test, {said[said.index('ignore:') :].partition('`')[0]}}}\n")
    ws.write("BUILD.yaml", (ws.root / "BUILD.yaml").read_text() + "targets:\n  it: {rule: filegroup}\n")
    assert ws.lkbuild("query", "//...").stdout == "//:it\n"
