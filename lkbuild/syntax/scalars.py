"""Scalars of the YAML 1.2 core schema: what `no`, `0666` and `1e3` are.

PyYAML follows YAML 1.1, where `no` is false, `0666` is octal and `1:30` is 90; here only what the core schema lists is special
(yaml.org/spec/1.2.2, 10.3.2). Does not know attribute types.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

ScalarKind: TypeAlias = Literal["string", "integer", "number", "boolean", "null"]

_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_WORDS: Final[dict[str, ScalarKind]] = {
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), "boolean"),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
}
_MAYBE_NUMBER: Final = frozenset("0123456789+-.")


def kind_of(text: str) -> ScalarKind:
    """What a plain scalar is."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] not in _MAYBE_NUMBER:
        return "string"
    if _INTEGER.match(text):
        return "integer"
    return "number" if _NUMBER.match(text) else "string"


def integer_of(text: str) -> int | None:
    """The value of an integer scalar; None for one with leading zeros, which YAML 1.1 reads as octal and YAML 1.2 as decimal."""
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits.isdecimal():
        return None
    return int(text, 0)
