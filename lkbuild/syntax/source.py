"""The text of a file and places in it: makes positions and errors.

A place is a zero-based (line, column) pair until it is shown, since a position with its line of text is needed for errors only
and costs more than the node that it belongs to. Does not know YAML.
"""

from __future__ import annotations

from typing import TypeAlias

from lkbuild.base.errors import LoadError, Position
from lkbuild.base.values import dataclass

#: Zero-based line and column, in characters.
Spot: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """A file's workspace-relative path and its lines, without line breaks."""

    file: str
    lines: tuple[str, ...] = ()

    def position(self, spot: Spot) -> Position:
        """The place as users count: lines and columns from 1."""
        line, column = spot
        text = self.lines[line] if line < len(self.lines) else None
        return Position(file=self.file, line=line + 1, column=column + 1, line_text=text)

    def error(
        self, spot: Spot, message: str, hint: str | None = None, *, label: str | None = None, related: tuple[tuple[Spot, str], ...] = ()
    ) -> LoadError:
        """An error at a place, to be raised by the caller."""
        others = tuple((self.position(other), text) for other, text in related)
        return LoadError(message, position=self.position(spot), hint=hint, label=label, related=others)
