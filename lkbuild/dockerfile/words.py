"""The words of an instruction: quotes, escapes and variables, as a Dockerfile has them. Pure.

Source: the Dockerfile reference, "Environment replacement"; BuildKit's frontend/dockerfile/shell/lex.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^{}]*))?\}")


class WordError(ValueError):
    """A word that can't be read; the text says why."""


def split(text: str, values: Mapping[str, str], escape: str = "\\") -> list[str]:
    """The words of a text, without their quotes, variables replaced. Raises WordError."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _word(text, at, values, escape, spaced=False)
        words.append(word)
    return words


def expand(text: str, values: Mapping[str, str], escape: str = "\\") -> str:
    """A text with its variables replaced and its quotes taken away; spaces are part of it. Raises WordError."""
    return _word(text, 0, values, escape, spaced=True)[0]


def _word(text: str, at: int, values: Mapping[str, str], escape: str, *, spaced: bool) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if not quote and not spaced and char.isspace():
            break
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == escape and quote != "'" and at + 1 < len(text):
            at += 1
            out.append(text[at] if not quote or text[at] in f'"${escape}' else char + text[at])
        elif char == "$" and quote != "'":
            value, at = _variable(text, at + 1, values)
            out.append(value)
            continue
        else:
            out.append(char)
        at += 1
    if quote:
        raise WordError(f"the quote {quote} is not closed")
    return "".join(out), at


def _variable(text: str, at: int, values: Mapping[str, str]) -> tuple[str, int]:
    plain = _NAME.match(text, at)
    if plain:
        return values.get(plain.group(), ""), plain.end()
    braced = _BRACED.match(text, at)
    if braced is None:
        if text.startswith("{", at):
            raise WordError("only ${name}, ${name:-word} and ${name:+word} can be read here")
        return "$", at
    name, how, word = braced.groups()
    value = values.get(name)
    there = bool(value) if how and how.startswith(":") else value is not None
    if how and how.endswith("-"):
        return (value or "") if there else expand(word, values), braced.end()
    if how:
        return expand(word, values) if there else "", braced.end()
    return value or "", braced.end()
