"""Nested values as indented lines: what `--json` prints, for people. Knows no value's meaning but that `bytes` are a size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lkbuild.cli.quantities import size


def as_lines(value: Any, indent: int = 0) -> Iterator[str]:
    """Lines of a JSON-like value: `key: value`, lists with a dash, what is nested indented below."""
    pad = "  " * indent
    if isinstance(value, Mapping):
        for key, inner in value.items():
            shown = size(inner) if "bytes" in str(key) and isinstance(inner, int) else inner
            yield from _entry(f"{pad}{key}:", shown, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _entry(f"{pad}-", inner, indent)
    else:
        yield f"{pad}{_scalar(value)}"


def _entry(head: str, value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from as_lines(value, indent + 1)
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is None or value in ([], (), {}, ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
