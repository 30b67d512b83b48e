"""SIGKILL while a large output is made out of the one before: whoever looks finds the old one, the new one or none."""

import signal
import sys
from dataclasses import replace

import pytest
from blake3 import blake3

from lkbuild.base.digest import Digest

RULE = '''\
"""Files, one after the other."""

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, ListOf
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule


def analyze(ctx):
    inputs = [Input(f"{at}", item.artifact) for at, item in enumerate(ctx.files(ctx.attrs["srcs"]))]
    (out,) = ctx.builtin("concat", 1, [], inputs=inputs, outputs=[DeclaredOutput("initrd")], message="initrd")
    return [Files((NamedArtifact("initrd", out),))]


RULE = Rule(name="chain", doc="One file.", attrs={"srcs": Attr(type=ListOf(item=File()), doc="Files.")}, analyze=analyze)
'''
#: The command, which kills itself at a step: before and after each of these calls.
KILLED = """\
import io, os, signal, sys
from pathlib import Path
from lkbuild.app import copying
from lkbuild.cli.main import console_script

at, steps = int(sys.argv.pop(1)), 0
assert "--json" in sys.argv

def stepping(function, concerns):
    def step(*arguments):
        global steps
        if not concerns(*arguments):
            return function(*arguments)
        for call in (lambda: None, lambda: function(*arguments)):
            answer = call()
            steps += 1
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return step

Path.rename = stepping(Path.rename, lambda path, target: "lkbuild-out" in str(path))
copying._pour = stepping(copying._pour, lambda chunks, out: isinstance(out, io.FileIO))
sys.exit(console_script())
"""
LARGE = 17 << 20


def content(seed):
    return blake3(seed).digest(LARGE)


@pytest.fixture
def built(ws):
    """A workspace with an output of two parts, of which the second is another now; both contents."""
    ws.write("rules/chain/rule.py", RULE)
    ws.write("BUILD.yaml", "workspace: {name: test}\ntargets:\n  image: {rule: chain, srcs: [a, b]}\n")
    (ws.root / "a").write_bytes(content(b"a"))
    (ws.root / "b").write_bytes(content(b"b")[:100_000])
    output = ws.build("//:image").path
    old = Digest.of_file(output)
    inode = output.stat().st_ino
    (ws.root / "b").write_bytes(content(b"c")[:200_000])
    return ws, output, inode, old, Digest.of(content(b"a") + content(b"c")[:200_000])


def test_killed_at_each_step_an_output_is_the_old_one_the_new_one_or_none(built):
    ws, output, _, old, new = built
    found = []
    for step in range(1, 20):
        killed = replace(ws, command=(sys.executable, "-c", KILLED, str(step)))
        ended = killed.lkbuild("build", "--json", "//:image")
        found.append(Digest.of_file(output) if output.exists() else None)
        assert found[-1] in (old, new, None)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert Digest.of_file(ws.build("//:image").path) == new
        # As it was: the next step is for the next one.
        (ws.root / "b").write_bytes(content(b"b")[:100_000])
        assert Digest.of_file(ws.build("//:image").path) == old
        (ws.root / "b").write_bytes(content(b"c")[:200_000])
    assert found[:6] == [old, None, None, None, None, new], "renamed away, written, renamed back: before and after each"
    assert found[-1] == new


def test_an_output_that_is_made_out_of_the_one_before_is_the_same_file(built):
    ws, output, inode, _, new = built
    assert ws.build("//:image").path == output
    assert Digest.of_file(output) == new
    assert output.stat().st_ino == inode
    assert [path.name for path in output.parent.iterdir()] == ["initrd"]
