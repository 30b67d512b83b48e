"""The settings of a container: what its entry says, above what the label of its image says. Pure.

LinuxKit's rule: a value of the entry replaces the label's. Texts that always have a word for their default count as not written
when they are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lkbuild.base.errors import LoadError, Position
from lkbuild.linuxkit.config import Part


class Settings:
    """Two parts, one above the other."""

    def __init__(self, entry: Part, label: Part) -> None:
        self.entry = entry
        self.label = label

    def written(self, *path: str) -> tuple[Any, Callable[..., Position]] | None:
        """A value and what tells its position, from the entry or else from the label; None where neither has it."""
        for part in (self.entry, self.label):
            found: Any = part.values
            for name in path:
                found = found.get(name) if found is not None else None
            if found is not None:
                return found, part.places.below(*path).position
        return None

    def get(self, *path: str, default: Any = None) -> Any:
        """A value, or the default where it is not written."""
        found = self.written(*path)
        return default if found is None else found[0]

    def text(self, name: str, default: str = "") -> str:
        """A text of which the empty one means that it is not written."""
        return self.entry.get(name) or self.label.get(name) or default

    def items(self, *path: str) -> Iterator[tuple[Any, Position]]:
        """The items of a list, each with its position."""
        found = self.written(*path)
        if found is not None:
            values, position = found
            yield from ((value, position(index)) for index, value in enumerate(values))

    def added(self, name: str) -> Iterator[tuple[Any, Position, bool]]:
        """The items of a list that `<name>.add` can add to: the entry's, or else the label's and then those of `<name>.add`.

        Each with its position, and whether the entry has it.
        """
        entry = ((self.entry, name),)
        parts = entry if self.entry.get(name) is not None else ((self.label, name), (self.entry, f"{name}.add"))
        for part, key in parts:
            for index, value in enumerate(part.get(key, ())):
                yield value, part.places.position(key, index), part is self.entry

    def unused(self, name: str) -> Iterator[tuple[Any, Position]]:
        """The items of `<name>.add` that come to nothing, since the entry has a list of its own."""
        if self.entry.get(name) is not None:
            key = f"{name}.add"
            yield from ((value, self.entry.places.position(key, index)) for index, value in enumerate(self.entry.get(key, ())))


def refused(position: Position, message: str, hint: str | None = None) -> LoadError:
    """An error at a position, to be raised by the caller."""
    return LoadError(message, position=position, hint=hint)
