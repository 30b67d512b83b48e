"""Where a target's attributes stand: positions made from spots when asked for, since they are needed for errors only. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lkbuild.base.errors import Position
from lkbuild.model.attrs import AttrPath
from lkbuild.syntax.source import Source, Spot


class Marks(Mapping[AttrPath, Position]):
    """Positions of a target's attributes and their parts, made when asked for. Can be pickled."""

    __slots__ = ("_source", "_spots")

    def __init__(self, source: Source, spots: Mapping[AttrPath, Spot]) -> None:
        self._source = source
        self._spots = spots

    def __getitem__(self, path: AttrPath) -> Position:
        return self._source.position(self._spots[path])

    def __iter__(self) -> Iterator[AttrPath]:
        return iter(self._spots)

    def __len__(self) -> int:
        return len(self._spots)
