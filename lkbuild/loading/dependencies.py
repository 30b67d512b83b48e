"""The labels in a target's typed attributes: the edges of the graph. Pure; selects are resolved before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lkbuild.base.errors import Position
from lkbuild.base.label import Label
from lkbuild.model.artifact import TargetRef
from lkbuild.model.attrs import AttrPath, AttrType, File, FrozenMap, LabelOf, ListOf, MapOf, OneOf, Struct
from lkbuild.model.configuration import Configuration
from lkbuild.model.rule import Rule
from lkbuild.model.target import Target


class Dependency(NamedTuple):
    """A label, whether it is a tool (built for the execution architecture), and where it stands."""

    label: Label
    execution: bool
    path: AttrPath
    position: Position | None = None  # where that is in no attribute


def dependencies(rule: Rule, attrs: Mapping[str, Any], target: Target, configuration: Configuration) -> tuple[Dependency, ...]:
    """Every dependency, in the order of the attributes.

    A label that stands in two places is there twice. Then come those that the rule discovers, and implicit ones last, under
    ("implicit", name), for the execution architecture: they are the tools that the rule's actions run.
    """
    found: list[Dependency] = []
    for name, attr in rule.attrs.items():
        value = attrs.get(name)
        if value and not isinstance(value, str):  # most attributes are left out or text, and hold no label
            found += _walk(attr.type, value, (name,))
    if rule.discover is not None:
        found += [Dependency(item.label, item.execution, (), item.position) for item in rule.discover(target, configuration)]
    tools = [
        Dependency(Label.parse(text, package=target.label.package), execution=True, path=("implicit", name))
        for name, text in rule.implicit.items()
    ]
    return (*found, *tools)


def _walk(kind: AttrType, value: Any, path: AttrPath) -> Iterator[Dependency]:
    match kind:
        case LabelOf() if isinstance(value, Label):
            yield Dependency(value, kind.execution, path)
        case File() if isinstance(value, TargetRef):
            yield Dependency(value.label, kind.execution, path)
        case ListOf() if isinstance(value, tuple):
            for index, item in enumerate(value):
                yield from _walk(kind.item, item, (*path, index))
        case MapOf() if isinstance(value, FrozenMap):
            for name, item in value.items():
                yield from _walk(kind.value, item, (*path, name))
        case Struct() if isinstance(value, FrozenMap):
            for name, attr in kind.fields.items():
                yield from _walk(attr.type, value.get(name), (*path, name))
        case OneOf():
            # The option that the loader took: the first whose walk finds anything, since types that hold labels differ by kind.
            yield from next(filter(None, (tuple(_walk(option, value, path)) for option in kind.options)), ())
