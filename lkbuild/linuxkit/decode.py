"""YAML nodes to values by LinuxKit's schema, each with its place. Knows kinds, not what a field is for. Pure.

Values are str, int, bool, tuples and FrozenMaps; a key that is not written is not there, since LinuxKit tells an empty list from none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from lkbuild.base.errors import LoadError, Position, nearest
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.scalars import resolve
from lkbuild.linuxkit.schema import Either, Flag, Kind, Many, Record, Table, Text, Whole
from lkbuild.model.attrs import AttrPath, FrozenMap
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.source import Source, Spot

#: Gives the text that a template stands for; raises LoadError at its place.
Templates = Callable[[str, Position], str]
TEMPLATE: Final = "@pkg:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the parts of a value stand.

    Attributes:
        file: the file that they are written in.
        locate: gives the position of a path in it, or of the nearest thing around it that is written.
        at: the path of the value itself.
    """

    file: str
    locate: Callable[[AttrPath], Position] = field(repr=False)
    at: AttrPath = ()

    def below(self, *path: str | int) -> Places:
        """The places of a part."""
        return Places(file=self.file, locate=self.locate, at=(*self.at, *path))

    def position(self, *path: str | int) -> Position:
        """Of a part, or of the nearest thing around it that is written."""
        return self.locate((*self.at, *path))

    def error(self, path: AttrPath, message: str, hint: str | None = None, related: tuple[tuple[Position, str], ...] = ()) -> LoadError:
        """An error at a part, to be raised by the caller."""
        return LoadError(message, position=self.position(*path), hint=hint, related=related)


def no_templates(text: str, position: Position) -> str:
    """For what is no file on disk: LinuxKit leaves a template as it stands there."""
    del position
    return text


class Decoder:
    """Reads the nodes of one file."""

    def __init__(self, source: Source, templates: Templates = no_templates) -> None:
        self._source = source
        self._templates = templates
        self._spots: dict[AttrPath, Spot] = {}

    @property
    def places(self) -> Places:
        """Where all that was read so far stands."""
        return Places(file=self._source.file, locate=self._locate)

    def _locate(self, path: AttrPath) -> Position:
        spot = next((self._spots[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self._spots), (0, 0))
        return self._source.position(spot)

    def value(self, node: Node, kind: Kind, path: AttrPath = ()) -> Any:
        """The value of a node. Raises LoadError at the first place that does not fit."""
        self._spots[path] = node.spot
        if isinstance(kind, Record):
            return self._record(node, kind, path)
        if isinstance(kind, Table):
            return FrozenMap(dict(self._table(node, path)))
        if isinstance(kind, Many):
            if not isinstance(node, Items):
                raise self._unfit(node, kind)
            return tuple(self.value(item, kind.item, (*path, index)) for index, item in enumerate(node.items))
        if not isinstance(node, Scalar):
            raise self._unfit(node, kind)
        return self._scalar(node, kind)

    def _record(self, node: Node, kind: Record, path: AttrPath) -> FrozenMap:
        found: dict[str, Any] = {}
        for key, value in self._pairs(node, kind):
            if key.text not in kind.fields:
                near = nearest(key.text, kind.fields) or f"{kind.what} may have: {', '.join(kind.fields)}"
                raise self._source.error(key.spot, f"unknown key '{key.text}' in {kind.what}", near)
            found[key.text] = self.value(value, kind.fields[key.text], (*path, key.text))
        for name in kind.required:
            if name not in found:
                raise self._source.error(node.spot, f"{kind.what} needs '{name}'", f"write {name}: below it")
        return FrozenMap(found)

    def _table(self, node: Node, path: AttrPath) -> list[tuple[str, str]]:
        found = []
        for key, value in self._pairs(node, Table()):
            if key.plain and not isinstance(resolve(key.text), str):
                raise self._source.error(key.spot, f"the key {key.text} is no string", f'write "{key.text}"')
            found.append((self._text(key), self.value(value, Text(), (*path, key.text))))
        return found

    def _pairs(self, node: Node, kind: Kind) -> tuple[tuple[Scalar, Node], ...]:
        if not isinstance(node, Fields):
            raise self._unfit(node, kind)
        return node.pairs

    def _scalar(self, node: Scalar, kind: Kind) -> str | int | bool:
        value = resolve(node.text) if node.plain else node.text
        match kind:
            case Text() if isinstance(value, str):
                return self._choice(node, kind)
            case Flag() if isinstance(value, bool):
                return value
            case Either() if isinstance(value, str):
                return self._text(node)
            case Either() if isinstance(value, int) and not isinstance(value, bool):
                return self._bounded(node, value, kind.whole)
            case Whole() if isinstance(value, int) and not isinstance(value, bool):
                return self._bounded(node, value, kind)
            case Whole() if isinstance(value, float) and value.is_integer():
                return self._bounded(node, int(value), kind)
        raise self._unfit(node, kind)

    def _choice(self, node: Scalar, kind: Text) -> str:
        text = self._text(node)
        if kind.choices and text not in kind.choices:
            hint = nearest(text, kind.choices) or f"one of: {', '.join(kind.choices)}"
            raise self._source.error(node.spot, f"'{text}' is not allowed here", hint)
        return text

    def _bounded(self, node: Scalar, value: int, kind: Whole) -> int:
        if kind.least <= value <= kind.greatest:
            return value
        raise self._source.error(node.spot, f"{node.text} is out of range", f"from {kind.least} to {kind.greatest}")

    def _text(self, node: Scalar) -> str:
        return self._templates(node.text, self._source.position(node.spot)) if node.text.startswith(TEMPLATE) else node.text

    def _unfit(self, node: Node, kind: Kind) -> LoadError:
        hint = _remedy(node, kind) if isinstance(node, Scalar) else _other_shape(kind)
        return self._source.error(node.spot, f"expected {_expected(kind)}, found {_found(node)}", hint)


_WORDS: Final = {
    Text: "a string",
    Whole: "a whole number",
    Flag: "true or false",
    Either: "a name or a number",
    Table: "a mapping to strings",
}


#: So many keys are named in a hint.
_FEW: Final = 8


def _expected(kind: Kind) -> str:
    if isinstance(kind, Many):
        return "a list" if isinstance(kind.item, Record) else "a list of strings"
    return f"a mapping ({kind.what})" if isinstance(kind, Record) else _WORDS[type(kind)]


def _remedy(node: Scalar, kind: Kind) -> str:
    """What to write in place of a scalar that does not fit."""
    if isinstance(kind, Many):
        if not node.text:
            return "write [], or leave the key out"
        return f"write [{node.text}]" if " " not in node.text else "write [first, second]: each of its items by itself"
    if isinstance(kind, Record) and len(kind.fields) <= _FEW:
        return f"its keys stand below it, or in braces: {', '.join(kind.fields)}"
    if isinstance(kind, Record | Table):
        return "write key: value on the lines below it, or {key: value}; or leave it out"
    if isinstance(kind, Whole | Flag):
        return f"write {_WORDS[type(kind)]}" if node.plain else "take the quotes away"
    return f'put it in quotes: "{node.text}"' if node.text else 'write "" for an empty text, or leave the key out'


def _other_shape(kind: Kind) -> str:
    """What to write in place of a list or mapping that does not fit."""
    if isinstance(kind, Many):
        return "each item starts with '- '"
    if isinstance(kind, Record | Table):
        return "its keys stand below it, without '- '"
    return "one value is meant: take the brackets away, or the '- ' and the keys"


def _found(node: Node) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Fields):
        return "a mapping"
    value = resolve(node.text) if node.plain else node.text
    if value is None:
        return f"'{node.text}'" if node.text else "nothing"
    if isinstance(value, bool):
        return f"the boolean {node.text}"
    return "a string" if isinstance(value, str) else f"the number {node.text}"
