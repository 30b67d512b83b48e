"""One closure as a search problem: what resolvelib asks, answered from an index.

A package of a name is an identifier, and so is a group of alternatives. "Not this" (Conflicts, Breaks) is a requirement that a
place-holder, `Absent`, satisfies: so a conflict takes part in the search and pulls nothing in. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from resolvelib import AbstractProvider
from resolvelib.resolvers import RequirementInformation

from lkbuild.base.values import dataclass
from lkbuild.locks.deb.index import Package
from lkbuild.locks.deb.options import Demand, Offers


@dataclass(frozen=True, slots=True)
class Need:
    """A package of this name, in one of these versions, must be there. `text` is the relation as written."""

    name: str
    versions: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Avoid:
    """A package of this name in one of these versions must not be there."""

    name: str
    versions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Present:
    """The answer to a Need."""

    package: Package


@dataclass(frozen=True, slots=True)
class Absent:
    """The answer to an Avoid that nothing contradicts."""

    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to a Demand with several names: the option taken."""

    text: str
    package: Package


Requirement: TypeAlias = Need | Avoid | Demand
Candidate: TypeAlias = Present | Absent | Choice
Information: TypeAlias = RequirementInformation[Any, Any]


@dataclass(slots=True)
class Resolved:
    """What an architecture's packages came to: package by name, and the direct dependencies of each by name."""

    packages: dict[str, Package] = field(default_factory=dict)
    deps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)


class Search(AbstractProvider[Any, Any, str]):
    """Tells resolvelib about one root's world."""

    def __init__(self, offers: Offers, preferred: set[str], so_far: Resolved) -> None:
        self._offers = offers
        self._preferred = preferred
        self._so_far = so_far
        self.needed_by: dict[str, str] = {}

    def identify(self, requirement_or_candidate: Requirement | Candidate) -> str:
        """The package name, or the text of a group of alternatives, marked."""
        match requirement_or_candidate:
            case Need(name) | Avoid(name) | Absent(name):
                return name
            case Present(package):
                return package.name
            case Demand(text) | Choice(text):
                return f"one of: {text}"  # can't be a package name

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Any],  # noqa: ARG002 - resolvelib's signature, here and below
        candidates: Mapping[str, Iterator[Any]],  # noqa: ARG002
        information: Mapping[str, Iterator[Any]],  # noqa: ARG002
        backtrack_causes: Sequence[Information],  # noqa: ARG002
    ) -> Iterable[str]:
        """What leaves no choice first, then by name: the order is part of the answer, so it must not depend on hashes."""
        return [min(identifiers, key=lambda name: (name.startswith("one of: "), name))]

    def get_preference(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Never asked: narrowing leaves one."""
        return 0

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Any]],
        incompatibilities: Mapping[str, Iterator[Any]],
    ) -> list[Candidate]:
        """What can answer all requirements on an identifier, best first."""
        wanted = list(requirements[identifier])
        refused = set(incompatibilities[identifier])
        found: list[Candidate]
        if not wanted:  # resolvelib went back behind what asked for it, and asks all the same: it need not be there
            found = [Absent(identifier)]
        elif isinstance(wanted[0], Demand):
            found = [Choice(wanted[0].text, package) for package in self._ordered(wanted[0])]
        elif any(isinstance(item, Need) for item in wanted):
            found = [Present(package) for package in self._versions(identifier)]
        else:
            found = [Absent(identifier)]
        return [
            candidate for candidate in found if candidate not in refused and all(self.is_satisfied_by(item, candidate) for item in wanted)
        ]

    def _versions(self, name: str) -> list[Package]:
        taken = self._so_far.packages.get(name)
        return sorted(self._offers.index.versions(name), key=lambda package: package != taken)

    def _ordered(self, demand: Demand) -> list[Package]:
        """The choice that an earlier closure made; then what is there anyway or named; then the order of the alternatives."""
        chosen = self._so_far.choices.get(demand.text)
        return sorted(demand.options, key=lambda package: (package.name != chosen, package.name not in self._preferred))

    def is_satisfied_by(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether an answer answers a requirement on the same identifier."""
        match requirement, candidate:
            case Need(_, versions), Present(package):
                return package.version in versions
            case Avoid(), Absent():
                return True
            case Avoid(_, versions), Present(package):
                return package.version not in versions
            case Demand(_, options), Choice(_, package):
                return package in options
        return False

    def get_dependencies(self, candidate: Candidate) -> list[Requirement]:
        """What an answer asks for in its turn: dependencies, and the absence of what conflicts."""
        match candidate:
            case Absent():
                return []
            case Choice(text, package):
                return [Need(package.name, frozenset((package.version,)), text)]
            case Present(package):
                wants = [as_requirement(demand) for demand in self._offers.demands(package)]
                for want in wants:
                    for name in (want.name,) if isinstance(want, Need) else want.names:
                        self.needed_by.setdefault(name, package.name)
                return [*wants, *_avoids(self._offers.barred(package))]


def as_requirement(demand: Demand) -> Need | Demand:
    """A demand that only one name can meet is no choice."""
    if len(demand.names) != 1:
        return demand
    return Need(demand.names[0], frozenset(option.version for option in demand.options), demand.text)


def _avoids(packages: Iterable[Package]) -> list[Avoid]:
    versions: dict[str, set[str]] = {}
    for package in packages:
        versions.setdefault(package.name, set()).add(package.version)
    return [Avoid(name, frozenset(found)) for name, found in sorted(versions.items())]
