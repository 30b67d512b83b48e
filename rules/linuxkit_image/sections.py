"""LinuxKit's sections as attributes: what a linuxkit.yml holds may stand in a BUILD.yaml, with its `select:`. Pure.

The types are made from LinuxKit's schema, so that both say the same. What is inside of a section has no words of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.linuxkit.config import Config, of_values
from lkbuild.linuxkit.decode import TEMPLATE, Places, Templates
from lkbuild.linuxkit.schema import CONFIGURATION, Either, Flag, Kind, Many, Table, Text, Whole
from lkbuild.model.attrs import Attr, AttrPath, AttrType, Boolean, FrozenMap, Integer, ListOf, MapOf, OneOf, String, Struct
from lkbuild.model.target import Target

_DOCS: Final = {
    "kernel": "The kernel: `image`, `cmdline`, `binary`, `tar`, `ucode`.",
    "init": "Images of the root, in order.",
    "onboot": "Containers that run once, in order, before the services.",
    "onshutdown": "Containers that run once, in order, at shutdown.",
    "services": "Containers that run all the time.",
    "files": "Files of the root, on top of everything else.",
    "volumes": "Volumes, for `binds:` and `mounts:`.",
}


def _attr(kind: Kind, doc: str, *, required: bool = False) -> Attr:
    return Attr(type=_type(kind), doc=doc, required=required)


def _type(kind: Kind) -> AttrType:
    match kind:
        case Text():
            return String(choices=kind.choices)
        case Whole():
            return Integer(minimum=kind.least, maximum=kind.greatest)
        case Flag():
            return Boolean()
        case Either():
            return OneOf(options=(_type(kind.whole), String()))
        case Many():
            return ListOf(item=_type(kind.item))
        case Table():
            return MapOf(value=String())
        case _:
            return Struct(
                fields={name: _attr(field, "As in LinuxKit.", required=name in kind.required) for name, field in kind.fields.items()}
            )


SECTIONS: Final = {name: _attr(CONFIGURATION.fields[name], f"{doc} As in LinuxKit's YAML.") for name, doc in _DOCS.items()}


def own_config(target: Target, templates: Templates) -> Config:
    """The configuration that the target itself holds. `templates` resolves `@pkg:` texts. Raises LoadError."""
    given = {name: target.attrs[name] for name in SECTIONS if target.attrs[name] is not None}
    written = FrozenMap({name: _written(value, (name,), target, templates) for name, value in given.items()})
    return of_values(written, Places(file=target.position.file, locate=lambda path: target.at(*path)))


def _written(value: Any, path: AttrPath, target: Target, templates: Templates) -> Any:
    """A value without what is not written: LinuxKit tells an empty list from none."""
    if isinstance(value, Mapping):
        found = {name: item for name, item in value.items() if item is not None}
        return FrozenMap({name: _written(item, (*path, name), target, templates) for name, item in found.items()})
    if isinstance(value, tuple):
        return tuple(_written(item, (*path, index), target, templates) for index, item in enumerate(value))
    return templates(value, target.at(*path)) if isinstance(value, str) and value.startswith(TEMPLATE) else value
