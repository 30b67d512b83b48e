"""Progress on a terminal: a real pseudo-terminal, a real process, its bytes on an emulated screen.

The process waits for a word on its standard input where a test must look first, so nothing here depends on time.
"""

import os
import pty
import subprocess
import sys
import termios
import tty

import pytest
from rich.console import Console

from lkbuild.cli.progress.live import frame
from lkbuild.cli.progress.tally import Tally
from lkbuild.model.events import ActionOutput, ActionStarted

_HEAD = """
import sys
from lkbuild.cli.console import Console
from lkbuild.cli.progress import progress
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import *
console = Console(stdout=sys.stdout, stderr=sys.stderr, environment={"TERM": "xterm"})
info = ActionInfo(id=ActionId("x", 0), mnemonic="c", label="//x", message="compile //x")
"""
_LONG = """
with progress(console) as sink:
    sink.emit(BuildStarted(targets=("//x",), actions=5))
    sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE, count=3))
    sink.emit(ActionStarted(info=info, expected_seconds=3000))
    sink.emit(ActionProgress(info=info, done=5 << 20, total=9 << 20))
    sys.stdin.readline()
    sink.emit(Notice(text="a mirror fails"))
    sys.stdin.readline()
    sink.emit(ActionFinished(info=info, source=Source.EXECUTED))
print("the end", file=sys.stderr)
"""
_RUN = """
with progress(console) as sink:
    sink.emit(ActionStarted(info=info))
    sys.stdin.readline()
    sink.emit(ActionFinished(info=info, source=Source.EXECUTED))
    sink.emit(BuildFinished(ok=True, seconds=1))
    print("a guest has the terminal", file=sys.stderr, flush=True)
    sys.stdin.readline()
"""
_QUICK = """
with progress(console) as sink:
    sink.emit(BuildStarted(targets=("//x",), actions=1))
    sink.emit(ActionFinished(info=None, source=Source.UP_TO_DATE))
print("rich" in sys.modules, file=sys.stderr)
"""


class OnTerminal:
    """A Python program whose stderr is a terminal of 80 columns."""

    def __init__(self, code):
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        termios.tcsetwinsize(theirs, (24, 80))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HEAD + code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=theirs
        )
        os.close(theirs)

    def read_until(self, word, screen):
        """Feed the screen until a word stands on it; fails at the end of the output."""
        while word not in screen.text():
            data = self._read()
            assert data, f"{word!r} never came; the screen:\n{screen.text()}"
            screen.feed(data)

    def read_rest(self, screen):
        while data := self._read():
            screen.feed(data)
        assert self.process.wait(60) == 0

    def _read(self):
        try:
            return os.read(self.ours, 65536).decode()
        except OSError:  # EIO: the other side is closed
            return ""

    def go_on(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


@pytest.fixture
def on_terminal():
    started = []

    def start(code):
        started.append(OnTerminal(code))
        return started[-1]

    yield start
    for program in started:
        program.process.stdin.close()
        program.process.kill()
        program.process.wait()
        os.close(program.ours)


def test_a_long_action_is_shown_while_it_runs_and_nothing_of_it_is_left(on_terminal, screen):
    program = on_terminal(_LONG)
    program.read_until("compile //x", screen)
    assert "[3/5]" in screen.text()
    assert "up to date 3" in screen.text()
    assert "5.0 MiB of 9.0 MiB" in screen.text()
    assert "min left" in screen.text()
    program.go_on()
    program.read_until("note: a mirror fails", screen)
    program.go_on()
    program.read_rest(screen)
    assert screen.text().splitlines() == ["note: a mirror fails", "the end"]


def test_the_display_is_gone_when_the_build_ends_and_something_else_has_the_terminal(on_terminal, screen):
    program = on_terminal(_RUN)
    program.read_until("compile //x", screen)
    program.go_on()
    program.read_until("a guest has the terminal", screen)
    assert screen.text() == "a guest has the terminal"
    program.go_on()
    program.read_rest(screen)
    assert screen.text() == "a guest has the terminal"


def test_a_build_with_nothing_to_run_does_not_import_rich(on_terminal, screen):
    program = on_terminal(_QUICK)
    program.read_rest(screen)
    assert screen.text() == "False"


def test_the_display_shows_many_actions_as_one_row(clock, make_info):
    tally = Tally(clock)
    for number in range(20):
        tally.add(ActionStarted(info=make_info(f"action {number}")))
    console = Console(width=60, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115 - closed with the test
    with console.file:
        console.print(frame(tally.snapshot()))
    text = console.export_text().splitlines()
    assert len(text) == 14
    assert "8 more" in text[-1]


def test_the_display_shows_the_last_line_of_a_command(clock, make_info):
    tally, info = Tally(clock), make_info("compile //x")
    tally.add(ActionStarted(info=info))
    tally.add(ActionOutput(info=info, lines=("CC a.o", "CC b.o")))
    console = Console(width=60, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115 - closed with the test
    with console.file:
        console.print(frame(tally.snapshot()))
    row = console.export_text().splitlines()[1]
    assert row.split() == ["compile", "//x", "0.0", "s", "CC", "b.o"]
