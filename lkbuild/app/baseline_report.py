"""What is said of the targets of a baseline: by a build that finds all of them up to date, and by one that made some of them.

Of ten thousand targets nobody looks at more than the paths: a target's report is made when it is asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import overload

from lkbuild.app.baseline import Baseline, Order
from lkbuild.base.digest import Digest
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport, BuiltOutput, TargetReport, Targets, Written


class TargetsInOrder(Targets):
    """Some targets that a build has reported, among those that are as a baseline has them."""

    def __init__(self, baseline: Baseline, made: Sequence[TargetReport], order: Order) -> None:
        """`order`: of all; numbers of `made`, and inverted ones of the baseline's."""
        self._baseline, self._made, self._order = baseline, made, order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, at: int) -> TargetReport: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[TargetReport]: ...
    def __getitem__(self, at: int | slice) -> TargetReport | Sequence[TargetReport]:
        if isinstance(at, slice):
            return TargetsInOrder(self._baseline, self._made, self._order[at])
        number = self._order[at]
        return _target(self._baseline, ~number) if number < 0 else self._made[number]

    def written(self) -> Iterator[Written]:
        """See Targets."""
        outputs, made = self._baseline.outputs, self._made
        return chain.from_iterable(outputs[~number] if number < 0 else made[number].written() for number in self._order)


def as_it_was(baseline: Baseline) -> BuildReport:
    """What a build says that finds everything as the baseline has it."""
    targets = range(len(baseline.labels))
    counts = {Source.UP_TO_DATE: len(baseline.actions)} if baseline.actions else {}
    reports = TargetsInOrder(baseline, (), tuple(~number for number in targets))
    return BuildReport(elapsed_s=0.0, targets=reports, counts=counts, saved_seconds=_saved(baseline, targets, frozenset()))


def merged(baseline: Baseline, report: BuildReport, order: Order, others: int, looked_at: Collection[int]) -> BuildReport:
    """The report of a build of some targets as one of all: the others are up to date.

    Args:
        baseline: has the others.
        report: of that build.
        order: of all.
        others: how many actions it left out.
        looked_at: numbers of those whose results it asked for.
    """
    counts = {Source.UP_TO_DATE: others} if others else {}
    counts = {source: counts.get(source, 0) + report.counts.get(source, 0) for source in (*counts, *report.counts)}
    saved = _saved(baseline, (~number for number in order if number < 0), looked_at) + report.saved_seconds
    return replace(report, targets=TargetsInOrder(baseline, report.targets, order), counts=counts, saved_seconds=saved)


def _saved(baseline: Baseline, targets: Iterable[int], without: Collection[int]) -> float:
    """What the actions took that some targets wanted: each recipe once, for one run would have served all."""
    recipes, seconds = baseline.recipes, baseline.seconds
    wanted = set(chain.from_iterable(map(baseline.wanted.__getitem__, targets)))
    counted = {recipes[number] for number in without}
    return sum({recipe: seconds[number] for number in wanted if (recipe := recipes[number]) not in counted}.values())


def _target(baseline: Baseline, number: int) -> TargetReport:
    """What is said of a target that is up to date."""
    outputs = tuple(BuiltOutput(path=path, digest=Digest(made, size), tree=tree) for path, made, size, tree in baseline.outputs[number])
    return TargetReport(
        label=baseline.labels[number],
        configuration=baseline.configurations[number],
        key=baseline.keys[number],
        state="up_to_date",
        outputs=outputs,
    )
