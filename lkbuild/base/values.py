"""`dataclass` of the standard library for frozen values with slots, without compiling any of their methods when they are imported.

The standard one compiles six functions for each class as its module is imported (Python 3.11; 3.13 compiles one text): 90 ms of each
start of lkbuild, which has 160 such classes on its way to a build. Here `__init__` is compiled when the first instance is made, and the
other methods are closures over an attrgetter. What is not frozen and slotted is the standard library's business, as are fields and
slots. Not known here: `InitVar`, which nobody uses; the signature of a class that has no instance yet.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from operator import attrgetter

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported: for a type checker it is no other
    from typing import Any
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, kw_only: bool = False, order: bool = False, eq: bool = True
    ) -> Callable[[type], type]:
        """As `dataclasses.dataclass` with these arguments."""
        if not (frozen and slots and eq):
            return standard(frozen=frozen, slots=slots, kw_only=kw_only, order=order, eq=eq)

        def decorate(written: type) -> type:
            own = {"__repr__", "__hash__", "__eq__"} & vars(written).keys()
            made = standard(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(written)
            _freeze(made)
            _compare(made, own, order=order)
            return made

        return decorate


def _freeze(made: type[Any]) -> None:
    def __init__(self: object, *arguments: object, **named: object) -> None:  # noqa: N807 - it becomes the method
        made.__init__ = compiled = _compiled_init(made)
        compiled(self, *arguments, **named)

    frozen = {"__setattr__": _refuse_set, "__delattr__": _refuse_delete, "__getstate__": _state, "__setstate__": _restore}
    for name, method in {"__init__": __init__, **frozen}.items():
        setattr(made, name, method)


def _compare(made: type[Any], own: set[str], *, order: bool) -> None:
    """The methods that look at the fields, save those in `own`, which the class has itself."""
    compared = _getter([one.name for one in fields(made) if one.compare])
    hashed = _getter([one.name for one in fields(made) if (one.compare if one.hash is None else one.hash)])

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - it becomes the method
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807 - the same
        return hash(hashed(self))

    def ordered(holds: Callable[[object, object], bool]) -> Callable[[object, object], bool]:
        return lambda self, other: holds(compared(self), compared(other)) if other.__class__ is self.__class__ else NotImplemented

    methods = {"__eq__": __eq__, "__hash__": __hash__, "__repr__": _represent}
    if order:
        import operator  # noqa: PLC0415 - three classes need it

        methods |= {f"__{name}__": ordered(getattr(operator, name)) for name in ("lt", "le", "gt", "ge")}
    for name in methods.keys() - own:
        setattr(made, name, methods[name])


def _getter(names: list[str]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda _self: ()


def _represent(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({shown})"


def _refuse_set(_self: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in fields(self)]


def _restore(self: Any, state: list[object]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


def _compiled_init(made: type[Any]) -> Callable[..., None]:
    """`__init__` of a class: it sets each slot by its descriptor, which is what object.__setattr__ would look up by name."""
    names: dict[str, object] = {"MISSING": MISSING}
    positional: list[str] = []
    named: list[str] = []
    body = []
    for one in fields(made):
        names[f"set_{one.name}"] = getattr(made, one.name).__set__
        if one.init:
            (named if one.kw_only else positional).append(_parameter(one, names))
        body += _assignment(one, names)
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
    text = f"def __init__({parameters}):\n " + "\n ".join(body or ["pass"])
    exec(text, names)  # noqa: S102 - as dataclasses does; names of fields are identifiers
    made_init: Any = names["__init__"]
    made_init.__qualname__ = f"{made.__qualname__}.__init__"
    return made_init  # type: ignore[no-any-return] # what exec made


def _parameter(one: Field[Any], names: dict[str, object]) -> str:
    if one.default is not MISSING:
        names[f"default_{one.name}"] = one.default
        return f"{one.name}=default_{one.name}"
    return one.name if one.default_factory is MISSING else f"{one.name}=MISSING"


def _assignment(one: Field[Any], names: dict[str, object]) -> list[str]:
    if one.default_factory is not MISSING:
        names[f"make_{one.name}"] = one.default_factory
        value = f"make_{one.name}()"
        if one.init:
            value += f" if {one.name} is MISSING else {one.name}"
    elif one.init:
        value = one.name
    elif one.default is not MISSING:
        names[f"default_{one.name}"] = one.default
        value = f"default_{one.name}"
    else:
        return []
    return [f"set_{one.name}(self, {value})"]
