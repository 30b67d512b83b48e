"""How the loader names types and values in its errors: `expected a list of labels, found a string`. Text only."""

from __future__ import annotations

from lkbuild.model.attrs import AttrType, Boolean, File, Integer, LabelOf, ListOf, MapOf, OneOf, String, Struct, TextFile
from lkbuild.syntax.nodes import Fields, Items, Node
from lkbuild.syntax.scalars import kind_of

_ONE = {
    String: "a string",
    Integer: "a whole number",
    Boolean: "true or false",
    LabelOf: "a label",
    File: "a file or label",
    TextFile: "a file's path",
    Struct: "a mapping",
}
_MANY = {
    String: "strings",
    Integer: "whole numbers",
    Boolean: "booleans",
    LabelOf: "labels",
    File: "files or labels",
    TextFile: "paths of files",
    ListOf: "lists",
    MapOf: "mappings",
    Struct: "mappings",
}


def expected(kind: AttrType) -> str:
    """A type with its article: `a list of labels`."""
    if isinstance(kind, ListOf):
        return "a list" if isinstance(kind.item, OneOf) else f"a list of {_MANY[type(kind.item)]}"
    if isinstance(kind, MapOf):
        return "a mapping" if isinstance(kind.value, OneOf) else f"a mapping to {_MANY[type(kind.value)]}"
    if isinstance(kind, OneOf):
        return " or ".join(dict.fromkeys(expected(option) for option in kind.options))
    return _ONE[type(kind)]


def found(node: Node) -> str:
    """A value as it stands: `the number 3`."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Fields):
        return "a mapping"
    kind = kind_of(node.text) if node.plain else "string"
    if kind == "null":
        return "nothing" if not node.text else f"'{node.text}'"
    if kind == "string":
        return "a string"
    return f"the number {node.text}" if kind != "boolean" else f"the boolean {node.text}"
