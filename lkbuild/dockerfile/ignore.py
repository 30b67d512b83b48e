""".dockerignore: which files of a context an engine never sees. Pure.

Patterns are Go's filepath.Match with `**`, relative to the context; the last that matches a path, or a folder above it, decides, and `!`
takes it back. Source: moby/patternmatcher.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from lkbuild.syntax.source import Source


def ignored(text: str, file: str) -> Callable[[str], bool]:
    """A function that tells of a path, relative to the context, whether it is left out. Raises LoadError at a pattern that is none."""
    lines = text.split("\n")
    source = Source(file, tuple(lines))
    rules: list[tuple[re.Pattern[str], bool]] = []
    for number, line in enumerate(lines):
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        back = pattern.startswith("!")
        segments = [part for part in pattern.removeprefix("!").strip().split("/") if part not in ("", ".")]
        if not segments or ".." in segments:
            raise source.error((number, 0), f"'{pattern}' is no pattern of a .dockerignore", "patterns are relative to the context")
        rules.append((re.compile(_expression(segments)), back))

    def is_ignored(path: str) -> bool:
        parts = path.split("/")
        above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        out = False
        for rule, back in rules:
            if out == back and any(rule.fullmatch(name) for name in above):
                out = not back
        return out

    return is_ignored


def _expression(segments: Sequence[str]) -> str:
    out = ""
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "**":
            out += ".*" if last else "(?:.*/)?"
        else:
            out += _segment(segment) + ("" if last else "/")
    return out


def _segment(segment: str) -> str:
    out, at = "", 0
    while at < len(segment):
        char = segment[at]
        closing = segment.find("]", at + 2) if char == "[" else -1
        if segment.startswith("**", at):
            out, at = out + ".*", at + 1
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif closing > 0:
            out, at = out + segment[at : closing + 1].replace("\\", "\\\\"), closing
        elif char == "\\" and at + 1 < len(segment):
            at += 1
            out += re.escape(segment[at])
        else:
            out += re.escape(char)
        at += 1
    return out
