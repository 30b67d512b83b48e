"""When to colour, and when to redraw."""

import io
import json
import os

import pytest

from lkbuild.cli.console import Console, in_ci, json_of, wants_color


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "colour"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1", "TERM": "xterm"}, True, False),
    ],
)
def test_colour_follows_the_flag_then_the_variables_then_the_terminal(choice, environment, terminal, colour):
    assert wants_color(choice, environment, terminal=terminal) is colour


@pytest.mark.parametrize(("value", "ci"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False)])
def test_ci_is_on_unless_it_says_no(value, ci):
    assert in_ci({"CI": value}) is ci


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stderr", "environment", "live"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (io.StringIO(), {"TERM": "xterm"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm", "CI": "true"}, False),
    ],
)
def test_only_a_real_terminal_outside_ci_gets_a_live_display(stderr, environment, live):
    assert Console(stdout=io.StringIO(), stderr=stderr, environment=environment).live is live


@pytest.mark.parametrize("name", [b"plain", "\u00e9".encode(), b"\xff", b"\xc3\xa9\xff"])
def test_json_is_utf8_whatever_a_file_is_called(name):
    text = json_of({"path": os.fsdecode(name)}).encode("utf-8")
    assert os.fsencode(json.loads(text)["path"]) == name
