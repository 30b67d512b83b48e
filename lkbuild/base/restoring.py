"""Unpickling of frozen, slotted dataclasses by a method made for each class: that is most of the time of a remembered package.

Knows no class. What is pickled stays as it was.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def restored_quickly(cls: type[T]) -> type[T]:
    """Give a frozen, slotted dataclass a `__setstate__` that knows its fields."""
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # a dataclass: that is what it is for
    # Each slot is assigned by its descriptor, in straight code: a loop over names and `object.__setattr__` takes twice as long.
    assign: dict[str, Any] = {f"assign_{name}": vars(cls)[name].__set__ for name in names}
    body = "".join(f"\n    assign_{name}(self, {name}_)" for name in names)
    exec(f"def setstate(self, state):\n    [{', '.join(f'{name}_' for name in names)}] = state{body}", assign)  # noqa: S102 - as dataclasses make theirs
    cls.__setstate__ = assign["setstate"]  # type: ignore[attr-defined]  # pickle's protocol
    return cls
