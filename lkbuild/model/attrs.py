"""Attribute types: what a rule takes, declared once; the loader, the JSON Schema and the reference come from the same values.

A type does not parse anything: `lkbuild.loading` turns YAML nodes into values by these declarations, with positions. The values
that reach a rule are: str, int, bool, None, Label, SourceFile / TargetRef (files), tuples, and FrozenMap (mappings and structs).
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import field
from typing import Any, Literal, TypeAlias

from lkbuild.base.values import dataclass


class FrozenMap(Mapping[str, Any]):
    """A mapping that can't be changed and can be hashed; keeps the order in which it was written, equality ignores it."""

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items: dict[str, Any] = dict(items or {})
        self._hash: int | None = None

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # As Mapping has them, but without a call of Python's for each key.

    def get(self, key: str, default: Any = None) -> Any:
        """See Mapping."""
        return self._items.get(key, default)

    def values(self) -> ValuesView[Any]:
        """See Mapping."""
        return self._items.values()

    def items(self) -> ItemsView[str, Any]:
        """See Mapping."""
        return self._items.items()

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __reduce__(self) -> tuple[type[FrozenMap], tuple[dict[str, Any]]]:
        # Without the cached hash: that of a string differs from process to process.
        return FrozenMap, (self._items,)

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class String:
    """Text. `choices`: the only values; `pattern`: a regular expression that all of it must match.

    `lenient`: numbers and booleans are taken as the text they were written as (an environment value, a mode like 0644).
    """

    choices: tuple[str, ...] = ()
    pattern: str | None = None
    lenient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number within bounds, inclusive."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOf:
    """A label of another target: a dependency.

    Attributes:
        provides: names of provider classes of which the target must give at least one; empty: any.
        execution: it is a tool: built for the execution architecture.
    """

    provides: tuple[str, ...] = ()
    execution: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file: a path in this package directory (SourceFile), or a label whose outputs are meant (TargetRef, a dependency)."""

    execution: bool = False


@dataclass(frozen=True, slots=True)
class TextFile:
    """A small text file of this package directory, read when BUILD.yaml is loaded: the rule gets a `Text`."""


@dataclass(frozen=True, slots=True)
class Text:
    """The value of a `TextFile`: the path from the workspace root and its content ("" with `missing` where there is none yet)."""

    path: str
    content: str
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list. Of files, it also takes `glob:`; everywhere a list may be `select:`ed as a whole or have selected parts.

    `single`: one item may stand without brackets.
    """

    item: AttrType
    single: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """A mapping from names to values of one type."""

    value: AttrType
    key_pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Struct:
    """A mapping with known keys: `fields`. Unknown keys are errors. The value is a FrozenMap with every default filled in."""

    fields: Mapping[str, Attr]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """Any of several types that differ by their YAML kind (scalar, list, mapping); the first that fits the kind is meant."""

    options: tuple[AttrType, ...]


AttrType: TypeAlias = String | Integer | Boolean | LabelOf | File | TextFile | ListOf | MapOf | Struct | OneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr:
    """An attribute of a rule, or a field of a struct.

    Attributes:
        type: what it takes.
        doc: one or more sentences, for the reference and the schema.
        required: it must be written.
        default: its value where it is not.
        implied: of a file, its name where the attribute is not written; of a list of files, the patterns. What is not there is no error.
        configurable: `select:` may be used (False for what the loader needs before a configuration is known).
    """

    type: AttrType
    doc: str
    required: bool = False
    default: Any = None
    implied: tuple[str, ...] = ()
    configurable: bool = True


@dataclass(frozen=True, slots=True)
class Select:
    """A value chosen by configuration: (condition, value) pairs in order, and a default.

    A condition is an architecture, or `setting=value`. `splice` marks a part of a list whose chosen value is a list to insert.
    """

    branches: tuple[tuple[str, Any], ...]
    default: Any
    has_default: bool
    splice: bool = False
    path: tuple[str | int, ...] = field(default=(), compare=False)


#: Where an attribute stands, as keys and indices from the target's mapping down: ("services", 0, "name").
AttrPath: TypeAlias = tuple[str | int, ...]
YamlKind: TypeAlias = Literal["scalar", "sequence", "mapping"]
