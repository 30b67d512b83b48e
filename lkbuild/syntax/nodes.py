"""The nodes of YAML text, with places: scalars, lists, mappings. `lkbuild.syntax.parser` makes them; what keys mean is not known here."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from lkbuild.syntax.source import Spot

MAX_BYTES: Final = 4 << 20


class Scalar(NamedTuple):  # a tuple: 50,000 nodes are a usual workspace, and a frozen dataclass costs three times as much to make
    """Text; `plain` where it stands without quotes, so that it may be a number, a boolean or null."""

    text: str
    plain: bool
    spot: Spot


class Items(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    spot: Spot


class Fields(NamedTuple):
    """A mapping: (key, value) pairs in the order written; keys are different."""

    pairs: tuple[tuple[Scalar, Node], ...]
    spot: Spot

    def get(self, name: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for key, value in self.pairs if key.text == name), None)


Node: TypeAlias = Scalar | Items | Fields
