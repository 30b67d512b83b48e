"""The canonical encoding: protocol buffers, written by hand.

Keys are digests of Remote Execution API messages, so the encoder is the one place where bytes of a key are made: fields in
tag order, defaults omitted (REAPI, "canonical proto"). Only varint and length-delimited fields exist in those messages. This
module does not know any message; it reads and writes fields.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """Bytes that are no protocol buffer message."""


#: Encodings of what is most frequent: tags and lengths.
_SMALL: Final = tuple(bytes((value,)) for value in range(0x80))


def varint(value: int) -> bytes:
    """Base-128 encoding of a non-negative integer below 2**64."""
    if 0 <= value < 0x80:
        return _SMALL[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(number: int, value: int) -> bytes:
    """A varint field; empty where the value is the default, 0."""
    return varint(number << 3 | _VARINT) + varint(value) if value else b""


def boolean(number: int, *, value: bool) -> bytes:
    """A boolean field; empty where false."""
    return varint(number << 3 | _VARINT) + b"\x01" if value else b""


def message(number: int, body: bytes) -> bytes:
    """A length-delimited field that is written even when its body is empty: sub-messages and repeated strings."""
    size = len(body)
    if size < 0x80 and number < 0x10:  # hot: most fields of most keys
        return _SMALL[number << 3 | _BYTES] + _SMALL[size] + body
    return varint(number << 3 | _BYTES) + varint(size) + body


def text(number: int, value: str) -> bytes:
    """A singular string field; empty where the value is the default, ""."""
    if not value:
        return b""
    body = value.encode("utf-8", "surrogateescape")
    size = len(body)
    if size < 0x80 and number < 0x10:  # hot, as above
        return _SMALL[number << 3 | _BYTES] + _SMALL[size] + body
    return message(number, body)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The (field number, value) pairs of a message, in order. Raises WireError on damage."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _read_varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _read_varint(data, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _read_varint(data, position)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            msg = f"unknown wire type {kind}"
            raise WireError(msg)
        if position + size > end:
            raise WireError("truncated field")
        yield number, data[position : position + size]
        position += size


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("truncated or oversized varint")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
