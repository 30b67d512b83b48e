"""A merged configuration as LinuxKit writes it into an image (`metadata: yaml`): one file that means the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from lkbuild.linuxkit.config import SECTIONS, Config, Container, Volume


def metadata(config: Config, form: str) -> str:
    """The text, as `yaml` or `json`; images by their expanded references."""
    return written(plain(config), form)


def written(found: Mapping[str, Any], form: str) -> str:
    """Plain values as `yaml` or `json`."""
    if form == "json":
        return json.dumps(found, indent=4, ensure_ascii=False) + "\n"
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=1 << 16)


def plain(config: Config) -> dict[str, Any]:
    """The configuration as a linuxkit.yml has it, in dictionaries and lists; without the sections that are empty."""
    found: dict[str, Any] = {
        "kernel": _plain(config.kernel),
        "init": [reference for reference, _ in config.init],
        **{section: [_container(container) for container in config.containers[section]] for section in SECTIONS},
        "files": [_plain(part.values) for part in config.files],
        "volumes": [_volume(volume) for volume in config.volumes.values()],
    }
    return {name: value for name, value in found.items() if value}


def _container(container: Container) -> dict[str, Any]:
    return {"name": container.name, "image": container.reference, **_plain(container.values)}


def _volume(volume: Volume) -> dict[str, Any]:
    return {**_plain(volume.values), **({"image": volume.reference} if volume.reference else {})}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
