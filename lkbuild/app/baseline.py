"""What the last build of a command line came to, and which of its targets an edit affects.

A baseline has the targets that were asked for and the actions below them as a graph of numbers, with what each target takes in and what
it came to. As long as nothing has changed that loading and analysis looked at, all that an edit of sources or outputs can affect is told
by the graph alone: the targets that it reaches are to be built, the others are as they were. Pure but for `answers`, which asks again what
the loader asked. Does not know how a change was noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport, BuiltOutput, TargetReport

#: Package, name, number of the configuration, output group, and whether the label was written: of `lkbuild.app.selection.Selected`.
Choice: TypeAlias = tuple[str, str, int, str | None, bool]
#: Path, hash, size, and whether it is a directory: of `BuiltOutput`.
Written: TypeAlias = tuple[str, str, int, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """One build in which nothing failed. Columns of equal length, by target or by action; an action's inputs stand before it.

    Attributes:
        root: the workspace.
        choices: what the patterns selected, in order.
        labels, configurations, keys: of each target's report.
        chosen: for each target, numbers of the choices that it is of: one, or several that were joined.
        wanted: for each target, numbers of the actions that make its outputs.
        outputs: for each target, what it came to.
        actions: names.
        producers: for each action, numbers of those whose outputs it takes in.
        recipes: hash of each action's recipe key.
        seconds: what each wanted action took when it ran.
        takers: by path of a source, numbers of the actions that take it in.
        answers: what loading was told by the disk (`lkbuild.loading.disk.Answers`).
        code: paths that rules depend on: one may be a source as well.
        record: a build's record among those for explanations that has these actions and no others, or "".
        unrecorded: numbers of actions that have other recipes in there: what they are now another command line has built.
    """

    root: str
    choices: tuple[Choice, ...]
    labels: tuple[str, ...]
    configurations: tuple[str, ...]
    keys: tuple[str, ...]
    chosen: tuple[tuple[int, ...], ...]
    wanted: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[Written, ...], ...]
    actions: tuple[str, ...]
    producers: tuple[tuple[int, ...], ...]
    recipes: tuple[str, ...]
    seconds: tuple[float, ...]
    takers: Mapping[str, tuple[int, ...]]
    answers: Mapping[str, tuple[str, str]]
    code: frozenset[str]
    record: str
    unrecorded: tuple[int, ...] = ()

    def affected(self, paths: Iterable[str], still: Callable[[str, tuple[str, str]], bool]) -> tuple[int, ...] | None:
        """Numbers of the targets that changes of some paths reach; None where one may have changed more than that.

        Those of which the record is not true any more are among them, so that the next record has them.

        Args:
            paths: absolute, or relative to the workspace.
            still: whether the disk answers a question of loading as it did.
        """
        paths = [*paths]
        owners = self._owners({self._absolute(path) for path in paths})
        direct: set[int] = set()
        todo = [*self.unrecorded]
        for path in paths:
            question = "" if path == "." else path
            known = question in self.answers
            if known and not still(question, self.answers[question]):
                return None
            takers, of = self.takers.get(path, ()), owners[self._absolute(path)]
            if not known and (path in self.code or not (takers or of)):
                return None
            todo.extend(takers)
            direct.update(of)
        reached = self._above(todo)
        return tuple(number for number, wanted in enumerate(self.wanted) if number in direct or not reached.isdisjoint(wanted))

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.root}/{path}"

    def _owners(self, paths: set[str]) -> Mapping[str, Sequence[int]]:
        """The targets whose outputs some absolute paths are, or lie in, by path."""
        found: dict[str, list[int]] = {path: [] for path in paths}
        for number, outputs in enumerate(self.outputs):
            for output, _, _, tree in outputs:
                if output in found:
                    found[output].append(number)
                for path in found if tree else ():
                    if path.startswith(f"{output}/"):
                        found[path].append(number)
        return found

    def _above(self, actions: Sequence[int]) -> set[int]:
        """Some actions and all that are made of them."""
        reached = set(actions)
        if reached:
            for number, producers in enumerate(self.producers):  # each stands after what it takes in
                if producers and not reached.isdisjoint(producers):
                    reached.add(number)
        return reached

    def below(self, targets: Iterable[int]) -> frozenset[int]:
        """Numbers of the actions that make some targets' outputs, and of all that those take in."""
        found: set[int] = set()
        todo = [action for number in targets for action in self.wanted[number]]
        while todo:
            action = todo.pop()
            if action not in found:
                found.add(action)
                todo.extend(self.producers[action])
        return frozenset(found)

    def shared(self, targets: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        """Of the other targets, by number, the actions that they were asked for and that some targets are made of."""
        below = self.below(targets)
        found = ((number, tuple(action for action in wanted if action in below)) for number, wanted in enumerate(self.wanted))
        return {number: actions for number, actions in found if actions and number not in targets}

    def outputs_of(self, targets: Iterable[int]) -> Iterator[Written]:
        """What some targets came to."""
        for number in targets:
            yield from self.outputs[number]

    def report(self, targets: Mapping[int, TargetReport] | None = None) -> BuildReport:
        """What a build says that finds everything as it was. `targets`: those that are made already."""
        given = targets or {}
        reports = tuple(given.get(number) or self.target(number) for number in range(len(self.labels)))
        counts = {Source.UP_TO_DATE: len(self.actions)} if self.actions else {}
        return BuildReport(elapsed_s=0.0, targets=reports, counts=counts, saved_seconds=self._saved(frozenset()))

    def _saved(self, without: Collection[int]) -> float:
        """What those that were wanted of the actions took: each recipe once, for one run would have served all."""
        wanted = {number for numbers in self.wanted for number in numbers}
        counted = {self.recipes[number] for number in without}
        return sum({recipe: self.seconds[number] for number in wanted if (recipe := self.recipes[number]) not in counted}.values())

    def target(self, number: int) -> TargetReport:
        """What is said of a target that is up to date."""
        outputs = tuple(BuiltOutput(path=path, digest=Digest(made, size), tree=tree) for path, made, size, tree in self.outputs[number])
        return TargetReport(
            label=self.labels[number],
            configuration=self.configurations[number],
            key=self.keys[number],
            state="up_to_date",
            outputs=outputs,
        )

    def merged(self, report: BuildReport, targets: Sequence[int], looked_at: Collection[int]) -> BuildReport:
        """The report of a build of some targets as one of all: the others are up to date.

        `looked_at`: numbers of the actions that it did not take for up to date without asking for their results.
        """
        given = dict(zip(targets, report.targets, strict=True))
        reports = tuple(given.get(number) or self.target(number) for number in range(len(self.labels)))
        others = len(self.actions) - len(self.below(targets))
        counts = {Source.UP_TO_DATE: others} if others else {}
        counts = {source: counts.get(source, 0) + report.counts.get(source, 0) for source in (*counts, *report.counts)}
        return replace(report, targets=reports, counts=counts, saved_seconds=self._saved(looked_at) + report.saved_seconds)
