"""Which form of value a YAML node is: a `select:`, a `glob:`, or one that fits a type by its YAML kind. Pure; makes no value."""

from __future__ import annotations

from typing import Final, TypeGuard

from lkbuild.model.attrs import AttrType, Boolean, File, Integer, LabelOf, ListOf, MapOf, OneOf, String, Struct
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.scalars import kind_of

SELECT: Final = "select"
GLOB: Final = "glob"


def is_form(node: Node, word: str, kind: AttrType) -> TypeGuard[Fields]:
    """Whether a node is a `select:` or `glob:` mapping, where the type has no key of that name itself."""
    if not isinstance(node, Fields) or node.get(word) is None:
        return False
    if word == GLOB:
        return isinstance(kind, ListOf) and takes_files(kind.item)
    options = kind.options if isinstance(kind, OneOf) else (kind,)
    return len(node.pairs) == 1 and not any(isinstance(option, Struct) and word in option.fields for option in options)


def takes_files(kind: AttrType) -> bool:
    """Whether items of a type can be files: then its list may have a `glob:`."""
    return isinstance(kind, File) or (isinstance(kind, OneOf) and any(isinstance(option, File) for option in kind.options))


def fits(node: Node, kind: AttrType) -> bool:
    """Whether a value of this YAML kind can be of a type."""
    match kind:
        case OneOf():
            return any(fits(node, option) for option in kind.options)
        case ListOf():
            return isinstance(node, Items) or is_form(node, GLOB, kind) or (kind.single and fits(node, kind.item))
        case MapOf() | Struct():
            return isinstance(node, Fields)
        case _:
            return isinstance(node, Scalar) and _scalar_fits(node, kind)


def _scalar_fits(node: Scalar, kind: AttrType) -> bool:
    scalar = kind_of(node.text) if node.plain else "string"
    match kind:
        case Integer():
            return scalar == "integer"
        case Boolean():
            return scalar == "boolean"
        case LabelOf():
            return scalar == "string" and node.text.startswith(("//", ":"))
        case _:
            return scalar == "string" or (isinstance(kind, String) and kind.lenient)
