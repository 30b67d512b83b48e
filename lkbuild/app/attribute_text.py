"""Attributes of a target as plain values: what `query --output build` writes, and what `why` compares.

Does not know any rule: it turns the values that lkbuild.model.attrs lists into text, numbers, lists and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lkbuild.base.digest import Digest
from lkbuild.base.label import Label
from lkbuild.model.artifact import SourceFile, TargetRef
from lkbuild.model.attrs import Select, Text


def plain(value: Any, *, package: str = "") -> Any:
    """An attribute's value as YAML would hold it; selects are written as selects, files of `package` by their path in it."""
    match value:
        case Label():
            return value.short
        case TargetRef():
            return value.label.short
        case SourceFile() | Text():
            return value.path.removeprefix(f"{package}/")
        case Select():
            branches = {name: plain(branch, package=package) for name, branch in value.branches}
            return {"select": {**branches, **({"default": plain(value.default, package=package)} if value.has_default else {})}}
        case Mapping():
            return {name: plain(item, package=package) for name, item in value.items() if item is not None}
        case tuple():
            return [plain(item, package=package) for item in value]
        case _:
            return value


def as_texts(attrs: Mapping[str, Any]) -> dict[str, str]:
    """Attributes as text each, for comparing: a text file counts by its content."""
    found = {}
    for name, value in attrs.items():
        if isinstance(value, Text):
            found[name] = f"{value.path} {Digest.of(value.content.encode('utf-8', 'surrogateescape'))}"
        elif isinstance(value, str) or value not in (None, (), {}):
            found[name] = as_text(value)
    return found


def as_text(value: Any) -> str:
    """A value as text: text as it is, everything else as JSON, nothing as nothing."""
    if isinstance(value, str):
        return value
    if value is None or value == ():
        return ""
    import json  # noqa: PLC0415 - not for builds of which nothing is told

    return json.dumps(plain(value), ensure_ascii=False, default=str)


def naming(texts: Mapping[str, str], path: str) -> str:
    """Which attribute of `as_texts` names a file, as `srcs[0]` or `files[3].source`; "" where none does."""
    import json  # noqa: PLC0415 - the same

    for name, text in texts.items():
        if path not in text:
            continue
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        where = _place(value, path)
        if where is not None:
            return name + where
    return ""


def _place(value: Any, path: str) -> str | None:
    if value == path:
        return ""
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f".{name}", item) for name, item in value.items()]
    elif isinstance(value, list):
        inner = [(f"[{index}]", item) for index, item in enumerate(value)]
    for name, item in inner:
        where = _place(item, path)
        if where is not None:
            return name + where
    return None
