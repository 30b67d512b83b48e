"""A merged configuration as LinuxKit writes it into an image (`metadata: yaml`): one file that means the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from lkbuild.linuxkit.config import SECTIONS, Config, Container, Volume
from lkbuild.linuxkit.scalars import resolve
from lkbuild.linuxkit.schema import CONFIGURATION, Kind, Many, Record
from lkbuild.syntax.scalars import kind_of


def metadata(config: Config, form: str) -> str:
    """The text, as `yaml` or `json`; images by their expanded references."""
    return written(plain(config), form)


def written(found: Mapping[str, Any], form: str) -> str:
    """Plain values as `yaml` or `json`."""
    if form == "json":
        return json.dumps(found, indent=4, ensure_ascii=False) + "\n"
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 16)


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 or Go would not take for text, though PyYAML would; lines of a text stay lines."""

    def text(self, value: str) -> yaml.ScalarNode:
        """The node of a text."""
        plain = kind_of(value) == "string" and isinstance(resolve(value), str)
        return self.represent_scalar("tag:yaml.org,2002:str", value, style='"' if not plain else "|" if "\n" in value else None)


_Dumper.add_representer(str, _Dumper.text)


def plain(config: Config) -> dict[str, Any]:
    """The configuration as a linuxkit.yml has it, in dictionaries and lists: without the sections that are empty, keys as in the schema."""
    found: dict[str, Any] = {
        "kernel": plain_value(config.kernel),
        "init": [reference for reference, _ in config.init],
        **{section: [_container(container) for container in config.containers[section]] for section in SECTIONS},
        "files": [plain_value(part.values) for part in config.files],
        "volumes": [_volume(volume) for volume in config.volumes.values()],
    }
    ordered: dict[str, Any] = _ordered({name: value for name, value in found.items() if value}, CONFIGURATION)
    return ordered


def _ordered(value: Any, kind: Kind) -> Any:
    if isinstance(kind, Record):
        return {name: _ordered(value[name], field) for name, field in kind.fields.items() if name in value}
    return [_ordered(item, kind.item) for item in value] if isinstance(kind, Many) else value


def _container(container: Container) -> dict[str, Any]:
    return {"name": container.name, "image": container.reference, **plain_value(container.values)}


def _volume(volume: Volume) -> dict[str, Any]:
    return {**plain_value(volume.values), **({"image": volume.reference} if volume.reference else {})}


def plain_value(value: Any) -> Any:
    """A value of a configuration in dictionaries and lists."""
    if isinstance(value, Mapping):
        return {name: plain_value(item) for name, item in value.items()}
    return [plain_value(item) for item in value] if isinstance(value, tuple) else value
