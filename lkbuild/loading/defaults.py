"""Defaults of attributes: from what a rule's author writes (lists, dicts, labels as text) to the frozen values that rules get. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lkbuild.base.label import Label
from lkbuild.model.artifact import TargetRef
from lkbuild.model.attrs import Attr, AttrType, File, FrozenMap, LabelOf, ListOf, MapOf, Select, Struct


def default_of(attr: Attr) -> Any:
    """The value of an attribute that is not written. Labels are absolute; it may hold a Select."""
    return _frozen(attr.default, attr.type)


def _frozen(value: Any, kind: AttrType) -> Any:
    match kind, value:
        case _, Select():
            branches = tuple((condition, _frozen(item, kind)) for condition, item in value.branches)
            return replace(value, branches=branches, default=_frozen(value.default, kind))
        case ListOf(), list() | tuple():
            return tuple(_frozen(item, kind.item) for item in value)
        case MapOf(), Mapping():
            return FrozenMap({name: _frozen(item, kind.value) for name, item in value.items()})
        case Struct(), Mapping():
            fields = kind.fields.items()
            return FrozenMap({name: _frozen(value[name], attr.type) if name in value else default_of(attr) for name, attr in fields})
        case LabelOf(), str():
            return Label.parse(value)
        case File(), str():
            return TargetRef(Label.parse(value))
        case _:
            return value
