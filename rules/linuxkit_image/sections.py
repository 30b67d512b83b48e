"""LinuxKit's sections as attributes: what a linuxkit.yml holds may stand in a BUILD.yaml, with its `select:`. Pure.

The types are made from LinuxKit's schema, so that both say the same. What is inside of a section has no words of its own here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.linuxkit.config import Config, of_values
from lkbuild.linuxkit.decode import Places
from lkbuild.linuxkit.schema import CONFIGURATION, Either, Flag, Kind, Many, Table, Text, Whole
from lkbuild.model.attrs import Attr, AttrType, Boolean, FrozenMap, Integer, ListOf, MapOf, OneOf, String, Struct
from lkbuild.model.rule import RuleContext

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


def own_config(ctx: RuleContext) -> Config:
    """The configuration that the target itself holds. Raises LoadError."""
    written = FrozenMap({name: _written(ctx.attrs[name]) for name in SECTIONS if ctx.attrs[name] is not None})
    return of_values(written, Places(file=ctx.target.position.file, locate=lambda path: ctx.target.at(*path)))


def _written(value: Any) -> Any:
    """A value without what is not written: LinuxKit tells an empty list from none."""
    if isinstance(value, Mapping):
        return FrozenMap({name: _written(item) for name, item in value.items() if item is not None})
    return tuple(_written(item) for item in value) if isinstance(value, tuple) else value
