"""What is made of uncommitted files is nobody else's business: it is not published, and one line says so."""

from __future__ import annotations

import subprocess

import pytest
from harness.reapi_server import ReapiServer

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BUILD = """\
targets:
  one: {rule: genrule, srcs: {glob: "*.txt"}, outs: [one], cmd: cat $SRCS > $OUT}
"""


@pytest.fixture
def server():
    made = ReapiServer()
    yield made
    made.stop()


@pytest.fixture
def checkout(ws):
    ws.write("p/BUILD.yaml", BUILD)
    ws.write("p/word.txt", "word\n")
    ws.write("README.md", "read me\n")
    ws.write("other/BUILD.yaml", "targets: {}\n")
    ws.write(".gitignore", "*.log\nlkbuild-out/\n")
    git(ws, "init", "-q")
    git(ws, "add", ".")
    git(ws, "commit", "-qm", "all")
    return ws


def git(workspace, *arguments):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *arguments], cwd=workspace.root, check=True, capture_output=True)


def build(workspace, server, target="//p:one", *more):
    report = workspace.build(target, f"--remote={server.url}", *more)
    lines = [line for line in report.stderr.splitlines() if "not committed" in line]
    return report, lines


def test_what_is_committed_is_published(checkout, server):
    _, lines = build(checkout, server)
    assert lines == []
    assert server.results


@pytest.mark.parametrize(
    "change",
    [
        lambda ws: ws.write("p/word.txt", "sword\n"),
        lambda ws: ws.write("p/new.txt", "new\n"),
        lambda ws: ws.edit("p/BUILD.yaml", "cat $SRCS >", "cat $SRCS $SRCS >"),
        lambda ws: ws.edit("BUILD.yaml", "name: test", "name: best"),
    ],
    ids=["an edited source", "a new source", "an edited BUILD.yaml", "an edited root"],
)
def test_what_is_made_of_changed_files_is_built_and_not_published(checkout, server, change):
    change(checkout)
    report, lines = build(checkout, server)
    assert report.counts["executed"]
    assert len(lines) == 1
    assert server.results == {}
    assert server.blobs == {}


def test_a_source_that_is_gone_counts_as_a_change(checkout, server):
    checkout.write("p/more.txt", "more\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "more")
    (checkout.root / "p/more.txt").unlink()
    _, lines = build(checkout, server)
    assert len(lines) == 1
    assert server.results == {}


def test_a_source_that_is_kept_out_of_the_repository_is_not_committed(checkout, server):
    checkout.write("q/BUILD.yaml", "targets:\n  two: {rule: genrule, srcs: [kept.log], outs: [two], cmd: cat $SRCS > $OUT}\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "two")
    checkout.write("q/kept.log", "a log\n")
    _, lines = build(checkout, server, "//q:two")
    assert len(lines) == 1
    assert server.results == {}


def test_files_that_no_action_has_read_hold_nothing_back(checkout, server):
    checkout.write("README.md", "read me again\n")
    checkout.write("p/notes.md", "notes\n")
    checkout.write("p/kept/out.log", "a log\n")
    _, lines = build(checkout, server)
    assert lines == []
    assert server.results


def test_a_workspace_below_the_root_of_a_checkout_is_told_by_its_own_paths(checkout, server, tmp_path):
    checkout.root.rename(tmp_path / "inner")
    (checkout.root / "below").mkdir(parents=True)
    (tmp_path / "inner").rename(checkout.root / "below/ws")
    (checkout.root / "below/ws/.git").rename(checkout.root / ".git")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "moved")
    inner = type(checkout)(checkout.root / "below/ws", checkout.cache, checkout.environment)
    inner.write("p/word.txt", "sword\n")
    _, lines = build(inner, server)
    assert len(lines) == 1
    assert "p/word.txt" in lines[0]
    assert "below" not in lines[0]


def test_a_policy_may_take_anything(checkout, server):
    rights = "[read-blobs, read-results, write-blobs, write-results]"
    checkout.write("cache/cache.yaml", f"remotes:\n- {{url: '{server.url}', publish: any, rights: {rights}}}\n")
    checkout.write("p/word.txt", "sword\n")
    report = checkout.build("//p:one")
    assert server.results
    assert "committed" not in report.stderr


def test_what_git_does_not_tell_is_not_published(checkout, server):
    (checkout.root / ".git/HEAD").write_text("nonsense\n")
    report = checkout.build("//p:one", f"--remote={server.url}")
    assert "can't be told" in report.stderr
    assert server.results == {}


def test_a_program_that_a_checkout_configures_is_not_run(checkout, server, tmp_path):
    mark = tmp_path / "ran"
    hook = checkout.write("../hook", f"#!/bin/sh\ntouch {mark}\n", executable=True)
    git(checkout, "config", "core.fsmonitor", str(hook))
    build(checkout, server)
    assert not mark.exists()
    assert server.results


def test_an_input_that_changes_while_its_action_runs_is_not_what_is_published(ws, server):
    """An action sees a copy that was hashed: what it makes belongs to that copy, whatever becomes of the file."""
    ws.write("p/BUILD.yaml", "targets:\n  one: {rule: genrule, srcs: [word.txt], outs: [one], cmd: sleep 1; cat $SRCS > $OUT}\n")
    ws.write("p/word.txt", "before\n")
    server.is_.hooks["GetActionResult"] = lambda request, context: ws.write("p/word.txt", "after\n")  # asked after hashing, before running
    report = ws.build("//p:one", f"--remote={server.url}", code=1)
    assert report.errors[0]["class"] == "BuildFailed"
    assert not any(b"after" in data or b"before" in data for data in server.blobs.values())
    server.is_.hooks.clear()
    ws.write("p/word.txt", "before\n")
    assert ws.build("//p:one", f"--remote={server.url}").text == "before\n"
