"""Results as messages."""

from __future__ import annotations

import pytest

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.results import decode_result, encode_result

DIGEST = Digest("ab" * 32, 300)


def test_a_result_comes_back():
    result = ActionResult(
        files=(OutputFile("a\udce9", DIGEST, executable=True), OutputFile("b", DIGEST)),
        trees=(OutputTree("t", DIGEST),),
        exit_code=3,
        log=DIGEST,
        seconds=12.000000001,
    )
    assert decode_result(encode_result(result)) == result


def test_the_bytes_are_those_of_the_protocol():
    digest = b"\x0a\x40" + b"ab" * 32 + b"\x10\xac\x02"
    body = b"\x0a\x01f" + b"\x12" + bytes([len(digest)]) + digest + b"\x20\x01"
    encoded = encode_result(ActionResult(files=(OutputFile("f", DIGEST, executable=True),), exit_code=1))
    assert encoded == b"\x12" + bytes([len(body)]) + body + b"\x20\x01"


def test_an_empty_result_is_empty():
    assert encode_result(ActionResult()) == b""
    assert decode_result(b"") == ActionResult()


def test_unknown_fields_are_skipped():
    assert decode_result(wire.message(12, b"a symlink") + wire.text(30, "later")) == ActionResult()


@pytest.mark.parametrize("data", [b"\x12\x05ab", b"\x12\x00", b"\x12\x03\x12\x01\x0a", b"\x32\x02\x0a\x00"])
def test_damage_is_an_error(data):
    with pytest.raises(ValueError, match=r"digest|truncated"):
        decode_result(data)
