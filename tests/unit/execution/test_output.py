"""What commands write: cut into lines, read from a log that grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.execution.output import Lines, Tail


@pytest.fixture
def told():
    return []


@pytest.fixture
def lines(told):
    return Lines(told.extend)


@given(st.lists(st.binary(max_size=20)))
def test_pieces_of_any_size_are_the_same_lines(pieces):
    told: list[str] = []
    lines = Lines(told.extend)
    for piece in pieces:
        lines.add(piece.replace(b"\r", b""))
    lines.end()
    whole = b"".join(pieces).replace(b"\r", b"").split(b"\n")
    assert told == [line.decode("utf-8", "replace") for line in (whole if whole[-1] else whole[:-1])]


def test_a_line_is_told_when_it_ends(lines, told):
    lines.add(b"one\ntw")
    assert told == ["one"]
    lines.add(b"o\n")
    assert told == ["one", "two"]
    lines.end()
    assert told == ["one", "two"]


def test_a_line_without_an_end_is_told_at_the_end(lines, told):
    lines.add(b"one")
    assert told == []
    lines.end()
    assert told == ["one"]


def test_a_line_that_never_ends_is_no_memory(lines, told):
    for _ in range(100):
        lines.add(b"x" * 1000)
    assert sum(map(len, told)) > 90_000


def test_of_what_was_drawn_over_the_last_is_told(lines, told):
    lines.add(b" 10%\r 20%\r100%\r\nbytes \xff\n")
    assert told == ["100%", "bytes \ufffd"]


def test_a_log_that_grows_is_read_once(tmp_path, told):
    log = tmp_path / "log"
    tail = Tail(log, told.append)
    tail.look()
    log.write_bytes(b"one\n")
    tail.look()
    tail.look()
    with log.open("ab") as file:
        file.write(b"two")
    tail.look()
    assert told == [b"one\n", b"two"]


def test_who_writes_more_than_is_read_at_once_is_not_waited_for(tmp_path, told):
    log = tmp_path / "log"
    log.write_bytes(bytes(5 << 20))
    tail = Tail(log, told.append)
    tail.look()
    assert 0 < sum(map(len, told)) < 5 << 20
    tail.end()
    assert sum(map(len, told)) == 5 << 20


def test_a_log_that_can_not_be_read_is_nobodys_failure(tmp_path, told):
    (tmp_path / "log").mkdir()
    Tail(tmp_path / "log", told.append).look()
    assert told == []
