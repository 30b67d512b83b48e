"""What an action declared is kept and nothing else; what lies under lkbuild-out is what was built, whatever happened to it."""

import os
import shutil
import signal
import time

import pytest

from lkbuild.app.session import host_arch

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

#: A rule of the workspace's own, with an output that is a folder: found by its path, no engine knows it.
FOLDER_RULE = """\
from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule

from ..toolchains.bundled import bundled_toolchain


def analyze(ctx):
    command = ["/bin/sh", "-c", "mkdir -p out/sub && echo kept > out/sub/file"]
    (made,) = ctx.run("folder", command, root=bundled_toolchain(ctx), outputs=[DeclaredOutput("out", tree=True)])
    return [Files((NamedArtifact("out", made),))]


RULE = Rule(name="folder", doc="A folder.", attrs={}, analyze=analyze)
"""

#: A rule with two outputs, each by an action of its own.
PAIR_RULE = """\
from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule

from ..toolchains.bundled import bundled_toolchain


def analyze(ctx):
    files = []
    for name in ("one", "two"):
        command = ["/bin/sh", "-c", f"({ctx.attrs[name]}) > {name}"]
        (made,) = ctx.run(name, command, root=bundled_toolchain(ctx), outputs=[DeclaredOutput(name)])
        files.append(NamedArtifact(name, made))
    return [Files(tuple(files))]


RULE = Rule(name="pair", doc="Two.", attrs={name: Attr(type=String(), doc="A command.") for name in ("one", "two")}, analyze=analyze)
"""


@pytest.fixture
def built(ws):
    ws.write(
        "p/BUILD.yaml",
        "targets:\n  a: {rule: genrule, srcs: [a.txt], outs: [sub/a, b], cmd: 'cp $SRCS $OUT_DIR/sub/a; echo b > $OUT_DIR/b'}\n",
    )
    ws.write("p/a.txt", "content\n")
    return ws


def contents(report):
    return [path.read_text() for path in report.paths]


def test_what_was_not_declared_is_not_kept(ws):
    ws.write(
        "p/BUILD.yaml", 'targets:\n  a: {rule: genrule, outs: [a], cmd: "echo a > $OUT; echo more > $OUT_DIR/more; echo x > beside"}\n'
    )
    path = ws.build("//p:a").path
    assert [item.name for item in path.parent.iterdir()] == ["a"]


def test_what_was_declared_and_not_made_is_an_error_with_what_is_there(ws):
    ws.write("p/BUILD.yaml", 'targets:\n  a: {rule: genrule, outs: [result.txt], cmd: "echo a > $OUT_DIR/reslut.txt"}\n')
    (error,) = ws.build("//p:a", code=1).errors
    assert (error["class"], error["label"], error["file"], error["line"]) == ("BuildFailed", "//p:a", "p/BUILD.yaml", 2)
    assert "result.txt" in error["message"]


@pytest.mark.parametrize("cmd", ["ln -s /etc/passwd $OUT", "mkdir -p $OUT", "mkfifo $OUT"], ids=["link", "folder", "pipe"])
def test_an_output_that_is_no_file_is_an_error(ws, cmd):
    ws.write("p/BUILD.yaml", f"targets:\n  a: {{rule: genrule, outs: [a], cmd: {cmd}}}\n")
    (error,) = ws.build("//p:a", code=1).errors
    assert (error["class"], error["label"]) == ("BuildFailed", "//p:a")


def test_outputs_that_were_deleted_come_from_the_store(built):
    built.build("//p:a")
    shutil.rmtree(built.root / "lkbuild-out")
    again = built.build("//p:a")
    assert (again.executed, contents(again)) == ([], ["content\n", "b\n"])


def test_an_output_that_a_user_edited_is_restored(built):
    path = built.build("//p:a").paths[0]
    path.write_text("edited by the user\n")
    again = built.build("//p:a")
    assert (again.executed, contents(again)) == ([], ["content\n", "b\n"])
    # And what they wrote did not reach the store.
    assert built.lkbuild("cache", "verify").returncode == 0


def test_an_output_that_became_a_folder_or_a_link_is_restored(built):
    first, second = built.build("//p:a").paths
    first.unlink()
    first.mkdir()
    (first / "x").write_text("x")
    second.unlink()
    second.symlink_to("/etc/passwd")
    again = built.build("//p:a")
    assert (again.executed, contents(again)) == ([], ["content\n", "b\n"])
    assert not second.is_symlink()


def test_an_output_that_lost_its_executable_bit_is_restored(ws):
    ws.write("p/BUILD.yaml", 'targets:\n  a: {rule: genrule, outs: [a], cmd: "echo a > $OUT; chmod +x $OUT"}\n')
    path = ws.build("//p:a").path
    assert os.access(path, os.X_OK)
    path.chmod(0o644)
    again = ws.build("//p:a")
    assert again.executed == []
    assert path.stat().st_mode & 0o111


def test_clean_removes_outputs_and_the_store_restores_them(built):
    path = built.build("//p:a").paths[0]
    assert built.lkbuild("clean").returncode == 0
    assert not path.exists()
    assert built.build("//p:a").executed == []
    assert path.read_text() == "content\n"


def test_a_second_checkout_at_another_path_shares_the_store(built):
    here = built.build("//p:a")
    there = built.beside("elsewhere").build("//p:a")
    assert there.executed == []
    assert there.keys == here.keys
    assert there.digests == here.digests
    assert set(there.paths).isdisjoint(here.paths)
    assert contents(there) == contents(here)


def test_out_says_where_outputs_go(built, tmp_path):
    path = built.build("--out", str(tmp_path / "there"), "//p:a").paths[0]
    assert path.is_relative_to(tmp_path / "there")
    assert path.read_text() == "content\n"
    assert not (built.root / "lkbuild-out").exists()


def test_an_output_that_becomes_executable_with_the_same_bytes_is_written_again(ws):
    ws.write("p/BUILD.yaml", 'targets:\n  a: {rule: genrule, outs: [a], cmd: "echo a > $OUT"}\n')
    assert not os.access(ws.build("//p:a").path, os.X_OK)
    ws.edit("p/BUILD.yaml", "$OUT", "$OUT; chmod +x $OUT")
    assert os.access(ws.build("//p:a").path, os.X_OK)


def test_a_file_that_a_user_edited_in_an_output_folder_is_restored(ws):
    rule = ws.write("rules/folder/rule.py", FOLDER_RULE)
    assert rule.is_file()
    ws.write("p/BUILD.yaml", "targets:\n  a: {rule: folder}\n")
    folder = ws.build("//p:a").path
    assert (folder / "sub/file").read_text() == "kept\n"
    (folder / "sub/file").write_text("edited\n")
    assert ws.build("//p:a").executed == []
    assert (folder / "sub/file").read_text() == "kept\n"


CLASHES = {
    "the same file": (["b/c"], ["c"]),
    "a file and a folder": (["b"], ["c"]),
}


@pytest.mark.parametrize(("outer", "inner"), CLASHES.values(), ids=CLASHES)
def test_two_outputs_in_one_place_are_an_error_that_names_both(ws, outer, inner):
    ws.write("p/BUILD.yaml", f"targets:\n  a: {{rule: genrule, outs: {outer}, cmd: 'for o in $OUTS; do echo outer > $o; done'}}\n")
    ws.write("p/a/BUILD.yaml", f"targets:\n  b: {{rule: genrule, outs: {inner}, cmd: echo inner > $OUT}}\n")
    report = ws.build("//...", code=7)
    (error,) = report.errors
    assert report.executed == []
    assert (error["class"], error["label"], error["file"]) == ("AnalysisError", "//p/a:b", "p/a/BUILD.yaml")
    assert "//p:a " in error["message"]
    # Apart from each other each is what it is, whichever came last.
    assert [ws.build(target).text for target in ("//p:a", "//p/a:b", "//p:a")] == ["outer\n", "inner\n", "outer\n"]


def test_an_output_that_is_declared_no_more_goes_and_what_a_user_made_of_it_stays(ws):
    outs = "targets:\n  a: {{rule: genrule, outs: {}, cmd: 'for o in $OUTS; do echo a > $o; done'}}\n"
    ws.write("p/BUILD.yaml", outs.format("[x, d/y, d/e/z, mine]"))
    folder = ws.build("//p:a").paths[0].parent
    (folder / "mine").write_text("edited\n")
    (folder / "notes").write_text("of the user\n")
    ws.write("p/BUILD.yaml", outs.format("[x]"))
    ws.build("//p:a")
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "notes", "x"]


def test_outputs_of_a_target_in_a_folder_of_anothers_are_not_its_own(ws):
    outs = "targets:\n  {}: {{rule: genrule, outs: [{}], cmd: echo a > $OUT}}\n"
    ws.write("p/BUILD.yaml", outs.format("a", "x"))
    ws.write("p/a/BUILD.yaml", outs.format("b", "y"))
    inner = ws.build("//p/a:b").path
    ws.build("//p:a")
    ws.edit("p/BUILD.yaml", "[x]", "[z]")
    assert ws.build("//p:a").path.name == "z"
    assert inner.exists()


def test_what_is_done_lies_there_while_others_run(ws):
    ws.write(
        "BUILD.yaml",
        "workspace: {name: w}\ntargets:\n"
        "  quick: {rule: genrule, outs: [quick], cmd: echo a > $OUT}\n"
        "  never: {rule: genrule, outs: [never], cmd: echo a > $OUT; sleep 600}\n",
    )
    building = ws.start("build", "//...")
    out, deadline = ws.root / "lkbuild-out" / host_arch() / "quick/quick", time.monotonic() + 60
    while not out.exists():
        assert building.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    building.send_signal(signal.SIGINT)
    building.communicate()
    assert out.read_text() == "a\n"
    assert not (ws.root / "lkbuild-out" / host_arch() / "never/never").exists()


@pytest.mark.parametrize("broken", ["one", "two"])
def test_of_a_target_of_two_actions_nothing_is_new_where_one_fails(ws, broken):
    ws.write("rules/pair/rule.py", PAIR_RULE)
    ws.write("BUILD.yaml", "workspace: {name: w}\ntargets: {a: {rule: pair, one: echo 1, two: echo 1}}\n")
    paths = ws.build("//:a").paths
    other = {"one": "two", "two": "one"}[broken]
    ws.edit("BUILD.yaml", f"{broken}: echo 1", f"{broken}: sleep 1; exit 1")
    ws.edit("BUILD.yaml", f"{other}: echo 1", f"{other}: echo 2")
    assert ws.build("//:a", "--keep-going", code=1).executed
    assert [path.read_text() for path in paths] == ["1\n", "1\n"]
