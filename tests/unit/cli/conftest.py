"""A terminal, emulated as far as rich's live display needs it, and builders of events."""

import re
from itertools import count

import pytest

from lkbuild.model.action import ActionInfo
from lkbuild.model.artifact import ActionId

_CSI = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Screen:
    """Lines as a terminal without scrolling would show them: CR, LF, cursor up, erase line. Colours are dropped."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0

    def feed(self, text):
        at = 0
        while at < len(text):
            found = _CSI.match(text, at)
            if found:
                self._control(found[2], found[1])
                at = found.end()
            else:
                self._character(text[at])
                at += 1

    def _control(self, letter, argument):
        if letter == "A":
            self.row = max(0, self.row - int(argument or 1))
        elif letter == "K":
            self.lines[self.row] = "" if argument == "2" else self.lines[self.row][: self.column]

    def _character(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
        elif character >= " ":
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def make_info():
    numbers = count()

    def make(message="compile //pkg/a"):
        return ActionInfo(id=ActionId("//pkg/a (amd64)", next(numbers)), mnemonic="compile", label="//pkg/a", message=message)

    return make


class Clock:
    """Time that stands still until it is told to pass."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()
