"""What can satisfy a relation: packages of that name and packages that provide it, in the order of preference.

Pure. Does not choose: lkbuild.locks.deb.resolve does.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.locks.deb.index import Group, Index, Package, Relation

#: Policy 2.5; apt takes the provider of the highest priority.
_PRIORITIES: Final = {"required": 0, "important": 1, "standard": 2, "optional": 3, "extra": 4}
HARD: Final = ("Pre-Depends", "Depends")
CONFLICTING: Final = ("Conflicts", "Breaks")


@dataclass(frozen=True, slots=True)
class Demand:
    """A group of alternatives of a package, with what the index offers for it, best first. `text` identifies the choice."""

    text: str
    options: tuple[Package, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the options, best first, each once."""
        return tuple(dict.fromkeys(option.name for option in self.options))


class Offers:
    """Answers, for one index, what can satisfy a group and what a package can't stand beside."""

    def __init__(self, index: Index, exclude: AbstractSet[str], *, recommends: bool) -> None:
        """Of an index; excluded names satisfy nothing."""
        self.index = index
        self.exclude = exclude
        self.recommends = recommends
        self._demands: dict[tuple[str, str], tuple[Demand, ...]] = {}
        self._barred: dict[tuple[str, str], tuple[Package, ...]] = {}

    def satisfying(self, relation: Relation) -> tuple[Package, ...]:
        """Packages that satisfy one relation: those of the name, newest first, then providers by priority and name."""
        if relation.arch not in (None, "any", "native", self.index.arch):
            return ()
        direct = [package for package in self.index.versions(relation.name) if relation.admits(package.version)]
        offered = [package for package, version in self.index.providers(relation.name) if relation.admits(version)]
        offered.sort(key=lambda package: (_PRIORITIES.get(package.priority, 3), package.name))
        return tuple(package for package in dict.fromkeys([*direct, *offered]) if package.name not in self.exclude)

    def demands(self, package: Package) -> tuple[Demand, ...]:
        """What a package needs. A recommendation that nothing can satisfy is dropped, a dependency is kept without options."""
        key = (package.name, package.version)
        if key not in self._demands:
            found = [self._demand(group) for group in package.groups(*HARD)]
            if self.recommends:
                found += [demand for demand in map(self._demand, package.groups("Recommends")) if demand.options]
            # A package that provides what it depends on satisfies itself (policy 7.2 needs nothing more).
            self._demands[key] = tuple(dict.fromkeys(demand for demand in found if package not in demand.options))
        return self._demands[key]

    def _demand(self, group: Group) -> Demand:
        options = [package for relation in group for package in self.satisfying(relation)]
        return Demand(" | ".join(map(str, group)), tuple(dict.fromkeys(options)))

    def barred(self, package: Package) -> tuple[Package, ...]:
        """Packages that can't stand beside it: Conflicts and Breaks, but for itself (policy 7.3, 7.4)."""
        key = (package.name, package.version)
        if key not in self._barred:
            groups = package.groups(*CONFLICTING)
            found = [other for group in groups for relation in group for other in self.satisfying(relation)]
            self._barred[key] = tuple(other for other in dict.fromkeys(found) if other.name != package.name)
        return self._barred[key]

    def certain(self, names: Iterable[str]) -> set[str]:
        """Names that any closure of these names holds: what is needed without a choice."""
        seen: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            versions = self.index.versions(name)
            if name not in seen and versions:
                seen.add(name)
                todo.extend(demand.names[0] for demand in self.demands(versions[0]) if len(demand.names) == 1)
        return seen
