"""What the last build of a command line came to, and which of its targets an edit affects.

A baseline has the targets that were asked for, the nodes that were analysed for them, and the actions below them, as graphs of numbers,
with what each action takes in and what each target came to. What an edit can affect is told by these: an edited source or output, the
targets above the actions that have it; an edited BUILD.yaml, or what else a package was made of, the targets above all nodes of that
package. Pure. Does not know how a change was noticed, what asks the disk, what patterns select after it,
nor what is said of it all (`lkbuild.app.baseline_report`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

from lkbuild.base.values import dataclass
from lkbuild.loading.disk import UNREAD, Answer
from lkbuild.loading.listing import BUILD_FILE
from lkbuild.model.report import Written

#: Package, name, number of the configuration, output group, and whether the label was written: of `lkbuild.app.selection.Selected`.
Choice: TypeAlias = tuple[str, str, int, str | None, bool]
#: Targets in the order of the patterns: numbers of those that were built, and inverted numbers (~n) of those of a baseline that were not.
Order: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """What changes reach.

    Attributes:
        targets: numbers of those that are to be built.
        packages: those that are to be made again.
        others: whether patterns may select more, or less, than they did, of packages that came or went.
    """

    targets: tuple[int, ...]
    packages: frozenset[str]
    others: bool


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
        nodes: for each target, numbers of the nodes whose outputs it is.
        names: of the nodes.
        packages: of each node.
        needs: for each node, numbers of those that its analysis takes in.
        answers: what loading was told by the disk, by path (`lkbuild.loading.disk.Answer`).
        loaded: for each package, a digest of all by which patterns select, and the paths that it was made from.
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
    nodes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    packages: tuple[str, ...]
    needs: tuple[tuple[int, ...], ...]
    answers: Mapping[str, Answer]
    loaded: Mapping[str, tuple[str, tuple[str, ...]]]
    code: frozenset[str]
    record: str
    unrecorded: tuple[int, ...] = ()

    def affected(self, paths: Iterable[str], ask: Callable[[str, Answer], Answer]) -> Affected | None:
        """What changes of some paths reach; None where one may have changed more than can be told.

        Those of which the record is not true any more are among them, so that the next record has them.

        Args:
            paths: absolute, or relative to the workspace.
            ask: what the disk answers now about a path that was asked about before.
        """
        paths = [*paths]
        owners = self._owners({self._absolute(path) for path in paths})
        direct: set[int] = set()
        todo = [*self.unrecorded]
        packages: set[str] = set()
        others = False
        for path in paths:
            question = "" if path == "." else path
            was = self.answers.get(question)
            now = ask(question, was) if was else None
            stale = self._stale(question, was, now) if was and now else frozenset()
            takers, of = self.takers.get(path, ()), owners[self._absolute(path)]
            if path in self.code and (was is None or now != was):
                return None
            if stale is None or not (was or takers or of):
                return None
            others |= bool(was and now and was[1] != now[1])
            packages |= stale
            todo.extend(takers)
            direct.update(of)
        return Affected(self._reached(direct, todo, packages), frozenset(packages), others)

    def _stale(self, path: str, was: Answer, now: Answer) -> frozenset[str] | None:
        """The packages that are to be made again because of an answer; None where it is not only theirs."""
        if now == was:
            return frozenset()
        folder, _, name = path.rpartition("/")
        if name == BUILD_FILE:
            # That of the root has the workspace's settings.
            return frozenset({folder}) if folder in self.loaded and folder else None
        askers = frozenset(package for package, (_, asked) in self.loaded.items() if path in asked)
        unread = now[0] == UNREAD or (now[2] != was[2] and not askers)
        return None if unread else askers

    def _reached(self, direct: set[int], actions: Sequence[int], packages: set[str]) -> tuple[int, ...]:
        """Numbers of the targets that are some, or above some actions, or above the nodes of some packages."""
        reached = _above(set(actions), self.producers)
        nodes = _above({at for at, package in enumerate(self.packages) if package in packages} if packages else set(), self.needs)
        targets = {number for number, wanted in enumerate(self.wanted) if not reached.isdisjoint(wanted)} if reached else set()
        more = {number for number, own in enumerate(self.nodes) if not nodes.isdisjoint(own)} if nodes else set()
        return tuple(sorted(direct | targets | more))

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

    def below(self, targets: Iterable[int]) -> frozenset[int]:
        """Numbers of the actions that make some targets' outputs, and of all that those take in."""
        return closed((action for number in targets for action in self.wanted[number]), self.producers)

    def forgotten(self, after: Baseline) -> frozenset[str]:
        """Sources that nothing takes in any more, by another baseline, and that are no target's output."""
        left = self.takers.keys() - after.takers.keys() - after.answers.keys()
        outputs = {path for path, _, _, _ in after.outputs_of(range(len(after.labels)))} if left else set()
        return frozenset(path for path in left if self._absolute(path) not in outputs)

    def shared(self, targets: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        """Of the other targets, by number, the actions that they were asked for and that some targets are made of."""
        below = self.below(targets)
        found = [number for number, wanted in enumerate(self.wanted) if not below.isdisjoint(wanted)]
        return {number: tuple(action for action in self.wanted[number] if action in below) for number in found if number not in targets}

    def outputs_of(self, targets: Iterable[int]) -> Iterator[Written]:
        """What some targets came to."""
        for number in targets:
            yield from self.outputs[number]


def closed(some: Iterable[int], inputs: Sequence[Sequence[int]]) -> frozenset[int]:
    """Some numbers and all that those take in."""
    found: set[int] = set()
    todo = {*some}
    while todo:  # as sets: most of ten thousand are taken in one step
        found |= todo
        todo = set(chain.from_iterable(map(inputs.__getitem__, todo))) - found
    return frozenset(found)


def _above(some: set[int], inputs: Sequence[Sequence[int]]) -> set[int]:
    """Some numbers and all that take those in: each stands after what it takes in."""
    reached = set(some)
    if reached:
        for number, taken in enumerate(inputs):
            if taken and not reached.isdisjoint(taken):
                reached.add(number)
    return reached
