"""`lkbuild.base.values.dataclass` against the standard library's: the same class written with either behaves alike."""

from __future__ import annotations

import dataclasses
import pickle
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base import values

VALUES = st.one_of(st.integers(-2, 2), st.text(max_size=2), st.tuples(st.integers(0, 1)))


@st.composite
def declarations(draw: st.DrawFn) -> tuple[dict[str, bool], list[tuple[str, dict[str, Any]]]]:
    """Arguments of the decorator, and fields, each by its name and what dataclasses.field takes; those with a default last."""
    options = {"frozen": True, "slots": True, "kw_only": draw(st.booleans()), "order": draw(st.booleans())}
    init = st.booleans()
    flags = st.fixed_dictionaries({"repr": st.booleans(), "compare": st.booleans(), "kw_only": st.booleans()})
    plain = [(f"p{at}", draw(flags)) for at in range(draw(st.integers(0, 3)))]
    given_value = [(f"d{at}", draw(flags) | {"default": draw(VALUES), "init": draw(init)}) for at in range(draw(st.integers(0, 2)))]
    made = [(f"f{at}", draw(flags) | {"default_factory": tuple, "init": draw(init)}) for at in range(draw(st.integers(0, 2)))]
    return options, plain + given_value + made


def written(decorator: Any, options: dict[str, bool], fields: list[tuple[str, dict[str, Any]]], module: str) -> type:
    """The class `Value` with these fields, in a module of its own so that pickle finds it."""
    body: dict[str, Any] = {"__annotations__": {name: "object" for name, _ in fields}, "__module__": module, "__qualname__": "Value"}
    sys.modules[module] = ModuleType(module)
    body |= {name: dataclasses.field(**given) for name, given in fields}
    made: type = decorator(**options)(type("Value", (), body))
    sys.modules[module].Value = made  # type: ignore[attr-defined]
    return made


def outcome(call: Any) -> Any:
    """What it returns, or the kind of error."""
    try:
        return call()
    except (TypeError, AttributeError) as error:
        return type(error)


@given(declarations(), st.data())
def test_a_value_is_made_compared_shown_and_pickled_as_the_standard_one(
    declared: tuple[dict[str, bool], list[tuple[str, dict[str, Any]]]], data: st.DataObject
) -> None:
    options, fields = declared
    ours = written(values.dataclass, options, fields, "values_ours")
    standard = written(dataclasses.dataclass, options, fields, "values_standard")
    names = [name for name, given in fields if given.get("init", True)]
    chosen = data.draw(st.lists(st.sampled_from([*names, "other"]), unique=True) if names else st.just([]))
    positional = data.draw(st.lists(VALUES, max_size=3))
    calls = [
        (tuple(positional), {}),
        ((), {name: data.draw(VALUES) for name in chosen}),
        ((), {name: data.draw(VALUES) for name in names}),
        ((), {name: data.draw(VALUES) for name in names}),
    ]
    pairs = []
    for arguments, named in calls:
        mine, theirs = outcome(lambda: ours(*arguments, **named)), outcome(lambda: standard(*arguments, **named))  # noqa: B023 - called at once
        if isinstance(theirs, type):
            assert mine is theirs
            continue
        pairs.append((mine, theirs))
        assert repr(mine) == repr(theirs)
        assert dataclasses.astuple(mine) == dataclasses.astuple(theirs)
        assert pickle.loads(pickle.dumps(mine)) == mine  # noqa: S301 - made here
        assert dataclasses.replace(mine) == mine
        assert isinstance(outcome(lambda: hash(mine)), type) == isinstance(outcome(lambda: hash(theirs)), type)  # noqa: B023 - called at once
    for mine, theirs in pairs:
        for other, other_standard in pairs:
            assert (mine == other) == (theirs == other_standard)
            assert outcome(lambda: mine < other) == outcome(lambda: theirs < other_standard)  # noqa: B023 - called at once
            if mine == other and not isinstance(outcome(lambda: hash(mine)), type):  # noqa: B023 - the same
                assert hash(mine) == hash(other)


@values.dataclass(frozen=True, slots=True)
class Base:
    """A value that others extend."""

    first: int
    made_after: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made_after", self.first + 1)


@values.dataclass(frozen=True, slots=True, kw_only=True)
class Extended(Base):
    """With a field more, and its own way to be shown."""

    second: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return "mine"


def test_fields_of_a_base_come_first_and_the_work_after_construction_is_done() -> None:
    assert dataclasses.astuple(Extended(1, second=(2,))) == (1, 2, (2,))
    assert repr(Extended(1)) == "mine"
    assert Base(1) != Extended(1)


def test_a_value_can_be_neither_changed_nor_given_more() -> None:
    value = Base(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.first = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.first  # type: ignore[misc]
    assert not hasattr(value, "__dict__")


def test_what_is_not_frozen_and_slotted_is_the_standard_librarys() -> None:
    @values.dataclass(slots=True)
    class Mutable:
        count: int = 0

    one = Mutable()
    one.count = 5
    assert one == Mutable(5)
