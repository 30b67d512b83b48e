"""Digests and the wire encoding: the bytes of which keys are made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base import wire
from lkbuild.base.digest import EMPTY, Digest


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_a_varint_comes_back(value):
    assert list(wire.fields(b"\x08" + wire.varint(value))) == [(1, value)]


@given(st.lists(st.tuples(st.integers(1, 500), st.binary(max_size=300))))
def test_messages_come_back_in_order(pairs):
    data = b"".join(wire.message(number, body) for number, body in pairs)
    assert list(wire.fields(data)) == pairs


def test_defaults_are_left_out():
    assert wire.integer(1, 0) == wire.text(1, "") == wire.boolean(1, value=False) == b""


def test_an_empty_message_is_written():
    assert wire.message(1, b"") == b"\x0a\x00"


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x08\x80", b"\x0b", b"\x08" + b"\xff" * 11])
def test_damage_is_an_error(data):
    with pytest.raises(wire.WireError):
        list(wire.fields(data))


def test_the_digest_of_nothing_is_blake3s_test_vector():
    assert EMPTY.hash == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert EMPTY.size == 0


def test_bytes_chunks_and_files_have_one_digest(tmp_path):
    data = bytes(range(256)) * 9000
    (tmp_path / "f").write_bytes(data)
    assert Digest.of(data) == Digest.of_chunks([data[:7], b"", data[7:]]) == Digest.of_file(tmp_path / "f")


def test_a_digest_reads_what_it_writes():
    assert Digest.parse(str(Digest.of(b"x"))) == Digest.of(b"x")


@pytest.mark.parametrize("text", ["", "abc/1", "A" * 64 + "/1", "a" * 64, "a" * 64 + "/-1", "a" * 64 + "/x", "a" * 63 + "\n/1"])
def test_other_texts_are_no_digests(text):
    with pytest.raises(ValueError, match="not a digest"):
        Digest.parse(text)
