"""How a container of a LinuxKit package is run: its build.yml's config, and LinuxKit's own defaults below it. Pure.

LinuxKit's defaults are weaker than ours (reference/linuxkit.md 1.6): a package that was written for them gets them, and whoever puts it
into an image may say less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.linuxkit.package import PackageFile
from lkbuild.model.attrs import AttrType, FrozenMap, ListOf, Struct

from ..container_fields import CONTAINER_FIELDS

#: What LinuxKit does where nothing is said.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "net": "host",
    "ipc": "host",
    "uts": "host",
    "cgroupns": "host",
    "readonly": False,
    "noNewPrivileges": False,
    "maskedPaths": (),
    "readonlyPaths": (),
    "seccomp": "unconfined",
}


def container(package: PackageFile) -> dict[str, Any]:
    """The container fields. Raises LoadError at one that has no meaning here."""
    found = dict(_DEFAULTS)
    for name, value in (package.config or FrozenMap()).items():
        field = CONTAINER_FIELDS.get(name)
        if field is None:
            hint = "write the whole list: nothing is below a package's own label"
            raise package.places.error(("config", name), f"'{name}' has no meaning in a package", hint)
        found[name] = _filled(value, field.type)
    return found


def _filled(value: Any, kind: AttrType) -> Any:
    """A value with the fields of each struct that are not written."""
    if isinstance(kind, ListOf) and isinstance(value, tuple):
        return tuple(_filled(item, kind.item) for item in value)
    if isinstance(kind, Struct) and isinstance(value, FrozenMap):
        return FrozenMap({name: _filled(value.get(name, attr.default), attr.type) for name, attr in kind.fields.items()})
    return value
