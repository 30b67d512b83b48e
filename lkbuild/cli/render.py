"""Errors as text: where, the line with a caret, what to do. Writes nothing itself; knows no error but the base class.

    pkg/sshd/BUILD.yaml:7:3: unknown attribute 'sorces' of rule package
        7 |   sorces: ["*.conf"]
          |   ^
        hint: did you mean 'sources'?

Text of files and logs may hold terminal escapes: nothing but printable characters gets out (CWE-150).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from lkbuild.base.errors import LkbuildError, Position
from lkbuild.cli.console import Style

_WIDTH: Final = 120
#: So many of the errors that were gathered are shown: who mends these sees the others then.
_SHOWN: Final = 20
#: CSI and OSC sequences, as ECMA-48 defines them: colours in logs are dropped whole, not shown as debris.
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def render_error(error: LkbuildError, style: Style | None = None) -> str:
    """The lines that a user sees of an error, or of all that it has gathered, ending in a newline."""
    paint = style or Style()
    errors = error.each()
    left = len(errors) - _SHOWN
    more = f"and {left} more error{'s' if left > 1 else ''}\n" if left > 0 else ""
    return "".join(_rendered(one, paint) for one in errors[:_SHOWN]) + more


def _rendered(error: LkbuildError, paint: Style) -> str:
    first, *more = printable(error.message).split("\n")
    lines = [f"{_where(error, paint)}{paint(first, 'bold')}", *(f"    {line}" for line in more)]
    if error.position is not None:
        lines += _excerpt(error.position, paint)
    if error.label and error.label not in error.message:
        lines.append(f"    {paint('target:', 'dim')} {printable(error.label)}")
    for position, what in error.related:
        lines.append(f"  {paint(printable(str(position)), 'bold')}: {printable(what)}")
        lines += _excerpt(position, paint)
    if error.detail:
        lines += [f"    {line}".rstrip() for line in printable(error.detail).splitlines()]
    if error.hint:
        head, *tail = printable(error.hint).splitlines() or [""]
        lines += [f"    {paint('hint:', 'cyan')} {head}", *(f"          {line}" for line in tail)]
    return "\n".join(lines) + "\n"


def printable(text: str) -> str:
    """Text without terminal escapes, other control characters and bidirectional overrides; tabs and newlines stay."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def _where(error: LkbuildError, paint: Style) -> str:
    if error.position is not None:
        return paint(printable(str(error.position)), "bold") + ": " + paint("error: ", "red", "bold")
    return paint("error: ", "red", "bold")


def _excerpt(position: Position, paint: Style) -> list[str]:
    """The source line under its number, and a caret below the column. A long line is cut around it."""
    if position.line_text is None or not position.line_text.strip():
        return []
    text = position.line_text.rstrip("\r\n").replace("\t", " ")
    column = min(max(position.column, 1), len(text) + 1) - 1
    start = max(0, column - _WIDTH // 2) if len(text) > _WIDTH else 0
    head, tail = text[start:column], text[column : start + _WIDTH]
    before = printable(head)
    shown = ("…" if start else "") + before + printable(tail) + ("…" if start + _WIDTH < len(text) else "")
    number = str(position.line)
    gutter = " " * len(number)
    caret = " " * (_columns(before) + (1 if start else 0)) + "^"
    return [f"    {paint(f'{number} |', 'dim')} {shown}", f"    {paint(f'{gutter} |', 'dim')} {paint(caret, 'red', 'bold')}"]


def _columns(text: str) -> int:
    """Cells that text takes on a terminal: wide characters take two, combining ones none (UAX #11)."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
