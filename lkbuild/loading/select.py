"""Selects resolved for a configuration: what a rule gets has none left. Pure.

The first branch whose condition holds is taken, in the order written: an architecture, or `setting=value`. A setting that the
configuration does not name has its default, the first of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.label import Label
from lkbuild.model.artifact import SourceFile, TargetRef
from lkbuild.model.attrs import AttrPath, FrozenMap, Select
from lkbuild.model.configuration import Configuration
from lkbuild.model.target import Setting, Target

_NONE: Final[Mapping[str, Setting]] = FrozenMap()
_PLAIN: Final = frozenset({str, bool, int, float, type(None), Label, SourceFile, TargetRef})


def resolve_attrs(target: Target, configuration: Configuration, settings: Mapping[str, Setting] = _NONE) -> FrozenMap:
    """A target's attributes in a configuration. `settings` give defaults for what the configuration does not name.

    Raises:
        AnalysisError: at a select without a branch for this configuration and without a default.
    """
    return resolve_target(target, configuration, settings).attrs


def resolve_target(target: Target, configuration: Configuration, settings: Mapping[str, Setting] = _NONE) -> Target:
    """The target with its selects resolved, and places by the paths of the resolved values: what a rule's errors point to.

    Raises AnalysisError as `resolve_attrs`. The same object where nothing was selected.
    """
    if not has_selects(target.attrs):
        return target
    resolver = _Resolver(target, configuration, settings)
    values = {name: resolver.value(value, (name,), (name,)) for name, value in target.attrs.items()}
    return replace(target, attrs=FrozenMap(values), positions=resolver.places)


def has_selects(value: Any) -> bool:
    """Whether an attribute's value, or that of all attributes, depends on the configuration."""
    if isinstance(value, Select):
        return True
    items = value.values() if isinstance(value, FrozenMap) else value if isinstance(value, tuple) else ()
    # Hot: most values are plain, and none of these types has a subclass that is not.
    return any(item.__class__ not in _PLAIN and has_selects(item) for item in items)


class _Resolver:
    """Walks values; `places` fills with the position of each part by its new path."""

    def __init__(self, target: Target, configuration: Configuration, settings: Mapping[str, Setting]) -> None:
        self.target = target
        self.configuration = configuration
        chosen = {name: setting.values[0] for name, setting in settings.items()}
        self.true = {configuration.arch, *(f"{name}={value}" for name, value in (chosen | dict(configuration.settings)).items())}
        common = (path for path in target.positions if path[0] not in target.attrs)
        self.places: dict[AttrPath, Position] = {path: target.positions[path] for path in common}

    def value(self, value: Any, old: AttrPath, new: AttrPath) -> Any:
        """The value at path `old` of the target, which becomes path `new`."""
        found = self.target.positions.get(old)
        if found is not None:
            self.places[new] = found
        if isinstance(value, Select):
            branch, where = self._choose(value, old)
            return self.value(branch, where, new)
        if isinstance(value, FrozenMap):
            return FrozenMap({name: self.value(item, (*old, name), (*new, name)) for name, item in value.items()})
        return self._list(value, old, new) if isinstance(value, tuple) else value

    def _list(self, value: tuple[Any, ...], old: AttrPath, new: AttrPath) -> tuple[Any, ...]:
        out: list[Any] = []
        for index, item in enumerate(value):
            if isinstance(item, Select) and item.splice:
                self._splice(item, (*old, index), new, out)
            else:
                self._append(item, (*old, index), new, out)
        return tuple(out)

    def _splice(self, select: Select, old: AttrPath, new: AttrPath, out: list[Any]) -> None:
        """Append the items of the chosen list, which may be selected in its turn or hold further parts."""
        branch, where = self._choose(select, old)
        if isinstance(branch, Select):
            self._splice(branch, where, new, out)
            return
        for index, item in enumerate(branch):
            if isinstance(item, Select) and item.splice:
                self._splice(item, (*where, index), new, out)
            else:
                self._append(item, (*where, index), new, out)

    def _append(self, item: Any, old: AttrPath, new: AttrPath, out: list[Any]) -> None:
        """Add an item, unless it is a file or label that another part of the list has brought already."""
        if not isinstance(item, SourceFile | TargetRef | Label) or item not in out:
            out.append(self.value(item, old, (*new, len(out))))

    def _choose(self, select: Select, path: AttrPath) -> tuple[Any, AttrPath]:
        for condition, value in select.branches:
            if condition in self.true:
                return value, (*path, "select", condition)
        if select.has_default:
            return select.default, (*path, "select", "default")
        known = ", ".join(condition for condition, _ in select.branches)
        raise AnalysisError(
            f"no branch of this select fits {self.configuration}",
            position=self.target.at(*path),
            hint=f"it has: {known}; add one, or a default",
            label=str(self.target.label),
        )
