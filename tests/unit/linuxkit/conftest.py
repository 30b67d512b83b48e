"""Configurations from text, and images that say what a test wants."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lkbuild.linuxkit.config import Config, merge, read
from lkbuild.linuxkit.process import ImageSettings
from lkbuild.linuxkit.specs import specs


def _config(*texts: str) -> Config:
    return merge([read(textwrap.dedent(text).encode(), f"{name}.yml") for name, text in zip("abcd", texts, strict=False)])


@pytest.fixture
def config() -> Callable[..., Config]:
    """Files a.yml, b.yml, ... merged."""
    return _config


@pytest.fixture
def made() -> Callable[..., Mapping[str, Any]]:
    """The specifications of some files; every image says the same."""

    def make(*texts: str, label: str = "", **image: Any) -> Mapping[str, Any]:
        return specs(_config(*texts), lambda _reference, _position: ImageSettings(label=label, **image))

    return make


@pytest.fixture
def one(made) -> Callable[..., Mapping[str, Any]]:
    """config.json of one service, from the lines that stand below its image."""

    def make(text: str = "", **image: Any) -> Mapping[str, Any]:
        body = textwrap.indent(textwrap.dedent(text), "    ")
        return made(f"services:\n  - name: s\n    image: i\n{body}", **image)["containers/services/s/config.json"]

    return make


@pytest.fixture
def runtime(made) -> Callable[..., Mapping[str, Any]]:
    """As `one`, runtime.json."""

    def make(text: str = "", **image: Any) -> Mapping[str, Any]:
        body = textwrap.indent(textwrap.dedent(text), "    ")
        return made(f"services:\n  - name: s\n    image: i\n{body}", **image)["containers/services/s/runtime.json"]

    return make
