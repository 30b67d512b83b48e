"""Errors as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.errors import BuildFailed, LkbuildError, LoadError, Position
from lkbuild.cli.console import Style
from lkbuild.cli.render import printable, render_error


def at(line_text, column=1, line=7):
    return Position(file="pkg/a/BUILD.yaml", line=line, column=column, line_text=line_text)


def lines(error):
    return render_error(error).splitlines()


def test_the_first_line_has_the_position_and_the_message():
    first = lines(LoadError("unknown attribute", position=at("x: 1", 3)))[0]
    assert first.startswith("pkg/a/BUILD.yaml:7:3: ")
    assert first.endswith("unknown attribute")


@pytest.mark.parametrize("column", [1, 3, 8])
def test_the_caret_stands_below_the_column(column):
    _, source, caret = lines(LoadError("wrong", position=at("  sorces: [x]", column)))
    assert source[caret.index("^")] == "  sorces: [x]"[column - 1]


def test_the_caret_stands_right_below_wide_characters_and_tabs():
    _, source, caret = lines(LoadError("wrong", position=at("名前:\tx", 5)))
    assert source.endswith("名前: x")
    assert caret.index("^") == source.index("名") + 2 * 2 + 1 + 1


def test_a_long_line_is_cut_around_the_column():
    text = "a" * 500 + "HERE" + "b" * 500
    _, source, caret = lines(LoadError("wrong", position=at(text, 501)))
    assert len(source) < 140
    assert source[caret.index("^") :].startswith("HERE")


@pytest.mark.parametrize("column", [0, 99])
def test_a_column_beyond_the_line_is_no_trouble(column):
    assert "^" in render_error(LoadError("wrong", position=at("short", column)))


def test_every_part_is_shown_once():
    other = Position(file="b/BUILD.yaml", line=2, column=1, line_text="b:")
    error = BuildFailed(
        "it failed",
        position=at("a: 1"),
        hint="first\nsecond",
        label="//pkg/a",
        detail="log line 1\nlog line 2",
        related=((other, "from here"),),
    )
    text = render_error(error)
    for part in ("it failed", "//pkg/a", "first", "second", "log line 1", "log line 2", "b/BUILD.yaml:2:1: from here"):
        assert text.count(part) == 1, part


def test_escapes_of_files_and_logs_do_not_reach_the_terminal():
    hostile = "\x1b[2J\x1b]0;title\x07red\x1b[31m\x08\x9b1m\u202e"
    error = LoadError(hostile, position=at(hostile), hint=hostile, label=hostile, detail=hostile)
    text = render_error(error)
    assert not set(text) & set("\x1b\x07\x08\x9b\u202e")


def test_a_hint_of_nothing_but_escapes_is_no_trouble():
    assert "wrong" in render_error(LoadError("wrong", hint="\x1b[m", detail="\x1b[m"))


def test_without_colour_there_is_no_escape_and_with_it_the_same_text():
    error = LoadError("wrong", position=at("x: 1"), hint="do this")
    coloured = render_error(error, Style(color=True))
    assert "\x1b[" in coloured
    assert printable(coloured) == render_error(error)


@given(
    message=st.text(),
    line=st.text(max_size=300),
    column=st.integers(0, 400),
    hint=st.none() | st.text(),
    detail=st.none() | st.text(max_size=50),
)
def test_any_error_can_be_rendered(message, line, column, hint, detail):
    text = render_error(LkbuildError(message, position=at(line, column), hint=hint, detail=detail))
    assert text.endswith("\n")
    assert "\x1b" not in text
