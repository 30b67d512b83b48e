"""A JSON Schema of BUILD.yaml, from the declarations that the loader itself reads: for editors and for programs that write one.

Draft 2020-12. It knows every rule, attribute and value; what it can't know (files, labels of other packages) the loader checks.
`lkbuild info schema` prints it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from lkbuild.base.label import Label
from lkbuild.loading.buildfile import COMMON
from lkbuild.loading.forms import takes_files
from lkbuild.loading.settings import WORKSPACE, conditions
from lkbuild.model.artifact import TargetRef
from lkbuild.model.attrs import Attr, AttrType, Boolean, Integer, LabelOf, ListOf, MapOf, OneOf, Select, String, Struct
from lkbuild.model.rule import Rule
from lkbuild.model.target import COMMON_ATTRS, Setting

Schema: TypeAlias = dict[str, Any]

_NAME: Final = r"^[A-Za-z0-9_.+@=-]+(/[A-Za-z0-9_.+@=-]+)*$"
_STRINGS: Final[Schema] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_GLOB: Final[Schema] = {
    "type": "object",
    "description": "Files of this package by pattern: * and ? within a name, ** for any directories.",
    "properties": {"glob": _STRINGS, "exclude": _STRINGS, "allow_empty": {"type": "boolean", "default": False}},
    "required": ["glob"],
    "additionalProperties": False,
}


def json_schema(rules: Iterable[Rule], settings: Mapping[str, Setting] | None = None) -> Schema:
    """The schema of a BUILD.yaml that may use these rules.

    Args:
        rules: all of them.
        settings: the workspace's: the conditions of a select. None: any `name=value` will do.
    """
    writer = _Writer(settings)
    known = sorted(rules, key=lambda rule: rule.name)
    chosen = [{"if": {"properties": {"rule": {"const": rule.name}}, "required": ["rule"]}, "then": writer.rule(rule)} for rule in known]
    writer.shared["target"] = {
        "type": "object",
        "properties": {"rule": {"enum": [rule.name for rule in known], "description": COMMON_ATTRS["rule"]}},
        "required": ["rule"],
        "allOf": chosen,
    }
    sections = {
        "workspace": {"description": "The workspace: in its root only.", **writer.fields(WORKSPACE, "workspace")},
        "doc": {"type": "string", "description": "What the package is."},
        "visibility": {**_STRINGS, "description": "Visibility of targets that say nothing else. Default: public."},
        "targets": {"type": "object", "propertyNames": {"pattern": _NAME}, "additionalProperties": _ref("target")},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "BUILD.yaml of lkbuild",
        **_object(sections),
        "$defs": writer.shared,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}


def _any(*options: Schema) -> Schema:
    """One of several; an option that is itself such a choice is taken apart, so that editors show one flat list."""
    flat = [part for option in options for part in (option["anyOf"] if option.keys() == {"anyOf"} else [option])]
    unique = [option for number, option in enumerate(flat) if option not in flat[:number]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _select(value: Schema | None = None) -> Schema:
    """The form `select: {condition: value}`; a value may be selected in its turn. None: of any value."""
    values = True if value is None else _any(value, _ref("select"))
    body = {"type": "object", "propertyNames": _ref("condition"), "additionalProperties": values, "minProperties": 1}
    return {"description": "A value by configuration.", **_object({"select": body}, ["select"])}


class _Writer:
    """Makes schemas of types. Each collection is written once, in `shared`, since a select names its type a second time:
    written out, a list of structs of lists would grow sixfold at every level.
    """

    def __init__(self, settings: Mapping[str, Setting] | None) -> None:
        words: Schema = {"enum": ["default", *sorted(conditions(settings or {}))]}
        condition = words if settings is not None else {"anyOf": [words, {"type": "string", "pattern": "="}]}
        self.shared: dict[str, Schema] = {"condition": condition, "select": _select(), "glob": _GLOB}
        self._names: dict[str, str] = {}

    def rule(self, rule: Rule) -> Schema:
        """A reference to the schema of a rule's targets."""
        shape = self.fields({**COMMON, **rule.attrs}, rule.name)
        shape["properties"] = {"rule": {"const": rule.name}, **shape["properties"]}
        self.shared[f"rule.{rule.name}"] = {"description": rule.doc, **shape}
        return _ref(f"rule.{rule.name}")

    def fields(self, attrs: Mapping[str, Attr], path: str) -> Schema:
        """The schema of a mapping with known keys."""
        shapes = {name: self.attr(attr, f"{path}.{name}") for name, attr in attrs.items()}
        return _object(shapes, (name for name, attr in attrs.items() if attr.required))

    def attr(self, attr: Attr, path: str) -> Schema:
        """The schema of an attribute's value."""
        shape = self.type(attr.type, path)
        if attr.configurable:
            shape = _any(shape, _select(shape if attr.required else _any(shape, {"type": "null"})))
        default = _json(attr.default)
        return {"description": attr.doc, **shape, **({"default": default} if default is not None else {})}

    def type(self, kind: AttrType, path: str) -> Schema:
        """The schema of a type, or a reference to it."""
        match kind:
            case ListOf():
                shape = self._list(kind, path)
            case MapOf():
                value = self.type(kind.value, f"{path}.value")
                names = {"propertyNames": {"pattern": f"^(?:{kind.key_pattern})$"}} if kind.key_pattern else {}
                shape = {"type": "object", **names, "additionalProperties": _any(value, _select(value))}
            case Struct():
                shape = self.fields(kind.fields, path)
            case OneOf():
                return _any(*(self.type(option, f"{path}.{number}") for number, option in enumerate(kind.options)))
            case _:
                return _scalar(kind)
        name = self._names.setdefault(repr(shape), path)  # the same type in another place: an image's onboot and services
        self.shared[name] = shape
        return _ref(name)

    def _list(self, kind: ListOf, path: str) -> Schema:
        item, form = self.type(kind.item, f"{path}.item"), [_ref("glob")] if takes_files(kind.item) else []
        part = _select(_any({"type": "array", "items": _any(item, *form, _ref("select"))}, item, *form, {"type": "null"}))
        shapes: list[Schema] = [{"type": "array", "items": _any(item, *form, part)}, *form]
        return _any(*shapes, item) if kind.single else _any(*shapes)


def _scalar(kind: AttrType) -> Schema:
    match kind:
        case String():
            return _string(kind)
        case Integer():
            bounds = {"minimum": kind.minimum, "maximum": kind.maximum}
            return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        case Boolean():
            return {"type": "boolean"}
        case LabelOf():
            return {"type": "string", "pattern": "^(//|:)"}
        case _:
            return {"type": "string", "minLength": 1}


def _string(kind: String) -> Schema:
    if kind.choices:
        return {"enum": list(kind.choices)}
    shape: Schema = {"type": ["string", "number", "boolean"] if kind.lenient else "string"}
    return {**shape, "pattern": f"^(?:{kind.pattern})$"} if kind.pattern else shape


def _json(value: Any) -> Any:
    """A default as JSON; None where there is none to show, or where it depends on the configuration."""
    if isinstance(value, Select):
        return None
    if isinstance(value, Label | TargetRef):
        return str(value.label if isinstance(value, TargetRef) else value)
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, list | tuple) else value
