"""Transcripts of `lkbuild watch` in the documentation are played: a second terminal does what it does there, and the same is printed.

A `console` block that begins with `$ lkbuild watch` is one. Lines with `2$ ` are commands of the second terminal, `^C` ends the watch, and
what stands between is what it prints, line by line; times, and how much else there is, are not compared. It is built once beforehand,
in a copy of the repository that the page calls /home/you/lkbuild.
"""

import contextlib
import re
import shlex
import signal
import subprocess
import threading

import pytest
from harness.pages import blocks, pages
from harness.terminal import clone, environment
from harness.watching import PATIENCE_S
from harness.workspace import REPOSITORY

from lkbuild.app.session import host_arch

_WATCH, _SECOND, _END = "$ lkbuild watch ", "2$ ", "^C"
_SHOWN = "/home/you/lkbuild"
_PROGRESS = re.compile(r"\[\d+/\d+\] |still running: ")
#: What differs from run to run, or with what else is in an image.
_DIFFERS = (
    (re.compile(r" · saved ~[^·]*?(?= ·|$)"), ""),
    (re.compile(r"\b\d+\.\d+ s\b"), "0.0 s"),
    (re.compile(r"\b(up to date|watching) \d+\b"), r"\1 0"),
)
#: One page may show what another does: it is played once.
SHOWN = {block.text: f"{page.relative_to(REPOSITORY)}" for page in pages() for block in blocks(page) if block.first.startswith(_WATCH)}


def plain(line, root=_SHOWN):
    for pattern, instead in _DIFFERS:
        line = pattern.sub(instead, line.rstrip())
    return line.replace(str(root), _SHOWN)


def play(text, root):
    """Do what is shown, and raise AssertionError for the first line that is another; how many lines were compared."""
    first, *shown = text.splitlines()
    command = shlex.split(first.removeprefix("$ "))
    subprocess.run(["lkbuild", "build", "-q", *command[2:]], cwd=root, env=environment(), check=True, stdout=subprocess.DEVNULL)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=root, env=environment(), text=True, start_new_session=True, **pipes) as watch:
        limit = threading.Timer(PATIENCE_S, watch.kill)
        limit.start()
        told = (line for line in watch.stdout if not _PROGRESS.match(line))
        compared = 0
        try:
            for line in shown:
                if line.startswith(_SECOND):
                    subprocess.run(["sh", "-eu", "-c", line.removeprefix(_SECOND)], cwd=root, env=environment(), check=True)
                elif line == _END:
                    watch.send_signal(signal.SIGINT)
                else:
                    assert plain(next(told, "it has ended"), root) == plain(line)
                    compared += 1
        except BaseException:
            watch.kill()
            raise
        finally:
            limit.cancel()
        assert (list(told), watch.wait()) == ([], 0)
    return compared


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("text", [pytest.param(text, id=page) for text, page in SHOWN.items()])
def test_a_watch_prints_what_the_page_shows(text, tmp_path):
    clone(tmp_path / "lkbuild")
    assert play(text, tmp_path / "lkbuild") > 5


def test_there_is_one():
    assert SHOWN


HERE = """\
$ lkbuild watch --cache {cache} //:a
up to date 1 · 0.00 s
/home/you/lkbuild/lkbuild-out/{arch}/a/a
watching 1 directories; Ctrl-C ends it
2$ echo two > one.txt
one.txt: built 1 · up to date 2 · 0.1 s · 0.20 s from the save
/home/you/lkbuild/lkbuild-out/{arch}/a/a
2$ touch one.txt
^C
"""


@pytest.mark.network
@pytest.mark.parametrize("lie", [{}, {"built 1": "built 2"}, {"Ctrl-C ends it": "Ctrl-C stops it"}], ids=str)
def test_a_transcript_that_lies_is_found(ws, lie):
    ws.write("BUILD.yaml", "workspace: {name: w}\ntargets: {a: {rule: genrule, srcs: [one.txt], outs: [a], cmd: cp $SRCS $OUT}}\n")
    ws.write("one.txt", "one\n")
    text = HERE.format(cache=ws.cache, arch=host_arch())
    for true, false in lie.items():
        text = text.replace(true, false)
    with pytest.raises(AssertionError) if lie else contextlib.nullcontext():
        play(text, ws.root)
