"""A Dockerfile's text to instructions, each with its flags and its place: continuation lines, comments, directives and here-documents.

Knows the form of an instruction, not what one does.
Source: the Dockerfile reference of BuildKit's built-in frontend (dockerfile.v0, BuildKit 0.13).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.syntax.source import Source

_DIRECTIVE: Final = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.*?)\s*\Z")
_KNOWN: Final = ("syntax", "escape", "check")
_WORD: Final = re.compile(r"\s*([A-Za-z]+)(?:\s+|\Z)")
_FLAG: Final = re.compile(r"--([a-z-]+)(?:=(\S*))?(?:\s+|\Z)")
_HEREDOC: Final = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\2")
#: Instructions that may be followed by here-documents.
_DOCUMENTS: Final = ("RUN", "COPY", "ADD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in capitals.
        flags: `--name=value` pairs in order; a name may stand several times.
        rest: what follows, continuation lines joined, comments left out, here-documents not included.
        first, last: its lines, from 0; here-documents are within.
    """

    name: str
    flags: tuple[tuple[str, str], ...]
    rest: str
    first: int
    last: int

    def flag(self, name: str) -> str | None:
        """The value of a flag, or None."""
        return dict(self.flags).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A Dockerfile's lines: its instructions, its escape character, and how many lines of directives it begins with."""

    source: Source
    escape: str
    directives: int
    instructions: tuple[Instruction, ...]


def read(text: str, file: str) -> Text:
    """Read a Dockerfile. Raises LoadError at the first line that is none of its instructions."""
    source = Source(file, tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")))
    escape, directives = "\\", 0
    for line in source.lines:
        found = _DIRECTIVE.match(line.strip())
        if found is None or found.group(1).lower() not in _KNOWN:
            break
        if found.group(1).lower() == "escape" and found.group(2) in ("\\", "`"):
            escape = found.group(2)
        directives += 1
    return Text(source=source, escape=escape, directives=directives, instructions=tuple(_instructions(source, escape)))


def _instructions(source: Source, escape: str) -> Iterator[Instruction]:
    at = 0
    while at < len(source.lines):
        if not source.lines[at].strip() or _is_comment(source.lines[at]):
            at += 1
            continue
        joined, end = _joined(source, at, escape)
        word = _WORD.match(joined)
        if word is None:
            raise source.error((at, 0), "no instruction of a Dockerfile", "a line begins with FROM, RUN, COPY, ... or a comment's #")
        name, rest, flags = word.group(1).upper(), joined[word.end() :], []
        while name in ("FROM", "RUN", "COPY", "ADD", "HEALTHCHECK") and (found := _FLAG.match(rest)):
            flags.append((found.group(1), found.group(2) or ""))
            rest = rest[found.end() :]
        if name in _DOCUMENTS:
            end = _after_documents(source, end, rest, at)
        yield Instruction(name=name, flags=tuple(flags), rest=rest.strip(), first=at, last=end)
        at = end + 1


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _joined(source: Source, at: int, escape: str) -> tuple[str, int]:
    """An instruction's lines as one, and the last of them. Comments and empty lines within it don't end it."""
    parts: list[str] = []
    end = at
    for number in range(at, len(source.lines)):
        line = source.lines[number]
        if number > at and (not line.strip() or _is_comment(line)):
            continue
        end = number
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            parts.append(line)
            break
        parts.append(stripped[:-1])
    return "".join(parts), end


def _after_documents(source: Source, end: int, rest: str, at: int) -> int:
    for dash, _, word in _HEREDOC.findall(rest):
        for number in range(end + 1, len(source.lines)):
            line = source.lines[number]
            if (line.lstrip("\t") if dash else line) == word:
                end = number
                break
        else:
            raise source.error((at, 0), f"the here-document '{word}' does not end", f"write a line that is {word}")
    return end
