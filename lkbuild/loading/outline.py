"""What a query asks of a package, in columns of text: names, rules, edges. Made from the package once, and kept in front of it.

A target is a hundredth of the work this way: no object of it is made. An outline says nothing where it would have to know a
configuration, or who else may depend on what: such a target's edges are found by analysis. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from lkbuild.base.restoring import restored_quickly
from lkbuild.base.values import dataclass
from lkbuild.loading.buildfile import PUBLIC
from lkbuild.loading.dependencies import declared
from lkbuild.loading.select import has_selects
from lkbuild.model.rule import Rule
from lkbuild.model.target import Package, Target


@restored_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The targets of a package, by place in the columns.

    Attributes:
        package: its name.
        names: of the targets, in the order of the file.
        rules: the rule of each.
        needs: the labels that each depends on, as text; None: only an analysis knows.
        tools: likewise those that are built for the execution architecture; () where `needs` is None.
        manual: names of targets that wildcards leave out.
        arches: the architectures of those that can't be built for all.
        closed: names of targets that not every target of every package may depend on.
    """

    package: str
    names: tuple[str, ...]
    rules: tuple[str, ...]
    needs: tuple[tuple[str, ...] | None, ...]
    tools: tuple[tuple[str, ...], ...]
    manual: frozenset[str]
    arches: dict[str, tuple[str, ...]]
    closed: frozenset[str]

    def labels(self) -> list[str]:
        """The labels of the targets as text, in their order."""
        prefix = f"//{self.package}:"
        return [prefix + name for name in self.names]

    def choice(self) -> tuple[object, ...]:
        """All by which patterns select: where it is the same, they select the same of the package."""
        return self.names, sorted(self.manual), sorted(self.arches.items())

    def wild(self) -> list[str]:
        """The names that a wildcard selects."""
        return [name for name in self.names if name not in self.manual] if self.manual else list(self.names)


def outline_of(package: Package, rules: Callable[[str], Rule | None]) -> Outline:
    """The outline of a package. `rules`: those of its targets, of which each is there."""
    targets = package.targets.values()
    edges = [_edges(target, rules(target.rule), package) for target in targets]
    return Outline(
        package=package.name,
        names=tuple(package.targets),
        rules=tuple(target.rule for target in targets),
        needs=tuple(None if found is None else found[0] for found in edges),
        tools=tuple(() if found is None else found[1] for found in edges),
        manual=frozenset(target.label.name for target in targets if target.manual),
        arches={target.label.name: target.arches for target in targets if target.arches},
        closed=frozenset(target.label.name for target in targets if not _open(target)),
    )


def _open(target: Target) -> bool:
    return PUBLIC in target.visibility and not target.arches and not target.testonly


def _edges(target: Target, rule: Rule | None, package: Package) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Labels of what a target needs and of its tools; None where that depends on a configuration, or may be wrong."""
    if rule is None or rule.discover is not None or has_selects(target.attrs):
        return None
    needs: dict[str, None] = {}
    tools: dict[str, None] = {}
    for dependency in declared(rule, target.attrs, target):
        if dependency.label.package == package.name:
            needed = package.targets.get(dependency.label.name)
            if needed is None or needed.arches or (needed.testonly and not (target.testonly or rule.test)):
                return None
        (tools if dependency.execution else needs)[str(dependency.label)] = None
    return tuple(needs), tuple(tools)
