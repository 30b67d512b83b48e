"""What is to be built after an edit, of all that patterns select: targets that it affects, and new ones, and their places among the others.

Builds nothing. What an edit affects is `lkbuild.app.baseline`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from lkbuild.app.baseline import Affected, Baseline, Choice, Order
from lkbuild.app.baselines import choices_of, loaded_of, selected_of
from lkbuild.app.places import lie_in_others, places
from lkbuild.app.selection import Selected, select
from lkbuild.app.session import Session
from lkbuild.app.wanted import Wanted, wanted
from lkbuild.base.errors import AnalysisError, LoadError
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """A part of what patterns select.

    Attributes:
        wanted: it, analysed.
        choices: all that is selected.
        chosen: for each target of all, numbers of its choices.
        order: of all.
        packages: those that were made again for it.
        grafted: whether its nodes and actions may be others than the baseline has.
    """

    wanted: Wanted
    choices: tuple[Choice, ...]
    chosen: tuple[tuple[int, ...], ...]
    order: Order
    packages: frozenset[str]
    grafted: bool

    @property
    def others(self) -> tuple[int, ...]:
        """Numbers of the baseline's targets that are no part of it, and are as they were."""
        return tuple([~number for number in self.order if number < 0])


def narrow(
    session: Session, baseline: Baseline, affected: Affected, patterns: Sequence[str], known: Wanted | None = None
) -> Narrowing | None:
    """The part that is affected, or new. None where an error has to be told of all, or the others are not as they were.

    `known`: all that the patterns select, where it was analysed as the workspace is loaded now.
    """
    if known and not affected.packages and not affected.others:
        return _known_part(baseline, affected, known)
    try:
        choices = baseline.choices
        if not affected.packages and not affected.others:
            same = _of_the_same_packages(session, baseline, affected)
            if same is not None:
                return same
        if affected.others or _chooses_otherwise(session, baseline, affected):
            choices = choices_of(session, select(session, patterns))
        return _narrowed(session, baseline, affected, choices)
    except (LoadError, AnalysisError):
        return None


def _known_part(baseline: Baseline, affected: Affected, known: Wanted) -> Narrowing | None:
    """The affected targets, as they were analysed: no package has changed."""
    if [(item.selected.text, str(item.selected.node.configuration)) for item in known.requested] != [
        *zip(baseline.labels, baseline.configurations, strict=True)
    ]:
        return None
    part = Wanted(known.selected, tuple(known.requested[target] for target in affected.targets), known.analyses)
    return _in_their_places(baseline, affected, part)


def _in_their_places(baseline: Baseline, affected: Affected, part: Wanted) -> Narrowing:
    """The affected targets, in their order, among the others: nothing but sources or outputs has changed."""
    order = [*range(-1, ~len(baseline.labels), -1)]
    for at, target in enumerate(affected.targets):
        order[target] = at
    return Narrowing(
        wanted=part,
        choices=baseline.choices,
        chosen=baseline.chosen,
        order=tuple(order),
        packages=frozenset(),
        grafted=False,
    )


def _of_the_same_packages(session: Session, baseline: Baseline, affected: Affected) -> Narrowing | None:
    """The affected targets, where they are still the same; else None."""
    chosen = [baseline.chosen[target] for target in affected.targets]
    selected = selected_of(session, baseline.choices, sorted(chain.from_iterable(chosen)))
    part = wanted(session, [*selected])
    if _chosen_of(part, selected) != chosen:
        return None
    return _in_their_places(baseline, affected, part)


def _chosen_of(part: Wanted, selected: Mapping[Selected, int]) -> list[tuple[int, ...]]:
    """For each target of a part, the numbers of its choices."""
    return [tuple(selected[one] for one in item.joins or (item.selected,)) for item in part.requested]


def _chooses_otherwise(session: Session, baseline: Baseline, affected: Affected) -> bool:
    """Whether patterns may select other targets of the packages that are made again. Raises LoadError."""
    for package in affected.packages:
        session.loader.outline(package)
    now = loaded_of(session) if affected.packages else {}
    return any(now[package][0] != baseline.loaded[package][0] for package in affected.packages)


def _narrowed(session: Session, baseline: Baseline, affected: Affected, choices: tuple[Choice, ...]) -> Narrowing | None:
    same = choices is baseline.choices
    number = {choice: at for at, choice in enumerate(choices)}
    entries: list[tuple[tuple[int, ...], int]] = []
    left_out = set(affected.targets)
    for target, chosen in enumerate(baseline.chosen):
        if target not in left_out:
            found = chosen if same else tuple(number.get(baseline.choices[choice], -1) for choice in chosen)
            if -1 in found:
                return None
            entries.append((found, ~target))
    covered = {choice for chosen, _ in entries for choice in chosen}
    selected = selected_of(session, choices, [at for at in range(len(choices)) if at not in covered])
    part = wanted(session, [*selected])
    entries += [(chosen, at) for at, chosen in enumerate(_chosen_of(part, selected))]
    entries.sort()
    grafted = bool(affected.packages) or not same
    made = (place for item in part.requested for place in places(item.selected.node, None, item.files))
    others = (path for _, target in entries if target < 0 for path, _, _, _ in baseline.outputs[~target])
    if grafted and lie_in_others(made, str(session.out), others):
        return None
    return Narrowing(
        wanted=part,
        choices=choices,
        chosen=tuple(chosen for chosen, _ in entries),
        order=tuple(target for _, target in entries),
        packages=affected.packages,
        grafted=grafted,
    )
