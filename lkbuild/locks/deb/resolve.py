"""Resolution: from named packages and an index to one version per name and one choice per alternative. Pure.

Each named package gets its own closure, since each consumer of a lock takes its own; a closure holds no two packages that conflict.
What one closure chose the next prefers, so that the lock has one answer for each question; where two closures can't agree that is an
error, not two answers. Backtracking is resolvelib's (lkbuild.locks.deb.search). Essential packages are not implied (policy 3.8): who
needs them names them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from resolvelib import BaseReporter, ResolutionImpossible
from resolvelib.resolvers import Resolution

from lkbuild.base.errors import LockError
from lkbuild.locks.deb.index import Index, Package
from lkbuild.locks.deb.options import Demand, Offers
from lkbuild.locks.deb.search import Avoid, Choice, Information, Need, Present, Resolved, Search


def resolve(index: Index, named: Sequence[str], *, exclude: frozenset[str] = frozenset(), recommends: bool = False) -> Resolved:
    """Resolve the named packages of one architecture, each with its own closure.

    Raises:
        LockError: a name that does not exist, a dependency that can't be met (with the chain of who needed it), a conflict, or two
            closures that can't agree.
    """
    offers = Offers(index, exclude, recommends=recommends)
    so_far = Resolved()
    for name in sorted(named):
        if name in exclude:
            raise LockError(f"{name} is named and excluded", hint="take it out of packages or of exclude")
        if not index.versions(name):
            raise LockError(f"there is no package {name} for {index.arch}", hint=_near(name, index))
    for name in sorted(named):
        _close(offers, name, set(named), so_far)
    return so_far


def _close(offers: Offers, root: str, named: set[str], so_far: Resolved) -> None:
    """Resolve one closure and add it to what there is."""
    search = Search(offers, named | offers.certain([root]), so_far)
    # Not its Resolver: what that adds is a graph of what is reached, which this makes below. It recurses for ever where the search
    # went back behind packages that need each other (resolvelib 1.2.1, _has_route_to_root).
    resolution: Resolution[Any, Any, str] = Resolution(search, BaseReporter())
    versions = frozenset(package.version for package in offers.index.versions(root))
    try:
        mapping = resolution.resolve([Need(root, versions, root)], max_rounds=100_000).mapping
    except ResolutionImpossible as error:
        raise _impossible(error.causes, search, root, offers.index) from error
    todo, seen = [root], {root}
    while todo:
        package = mapping[todo.pop()].package
        answers = [_answer(demand, mapping) for demand in offers.demands(package)]
        _record(so_far, package, answers, root, offers.index.arch)
        fresh = {name for _, name in answers} - seen
        seen |= fresh
        todo.extend(fresh)


def _answer(demand: Demand, mapping: Mapping[str, Any]) -> tuple[str, str]:
    if len(demand.names) == 1:
        return demand.text, demand.names[0]
    return demand.text, mapping[f"one of: {demand.text}"].package.name


def _record(so_far: Resolved, package: Package, answers: Sequence[tuple[str, str]], root: str, arch: str) -> None:
    taken = so_far.packages.setdefault(package.name, package)
    if taken.version != package.version:
        raise LockError(f"{root} needs {package.name} {package.version} on {arch}, other packages of the lock {taken.version}")
    for text, name in answers:
        if so_far.choices.setdefault(text, name) != name:
            message = f"{root} needs {name} for '{text}' on {arch}, other packages of the lock {so_far.choices[text]}"
            raise LockError(message, hint="put them in two locks, or exclude one of the two")
    so_far.deps[package.name] = tuple(sorted({name for _, name in answers}))


def _impossible(causes: Collection[Information], search: Search, root: str, index: Index) -> LockError:
    lines = [_cause(cause, index) for cause in causes]
    parent = next((cause.parent.package.name for cause in causes if isinstance(cause.parent, Present)), root)
    chain = [parent]
    while chain[-1] != root and (above := search.needed_by.get(chain[-1])) and above not in chain:
        chain.append(above)
    detail = "needed by " + ", needed by ".join(chain) if chain else None
    message = f"{root} can't be resolved for {index.arch}: {'; '.join(dict.fromkeys(lines))}"
    return LockError(message, detail=detail, hint=_near_missing(causes, index))


def _cause(cause: Information, index: Index) -> str:
    who = cause.parent.package if isinstance(cause.parent, Present | Choice) else "the request"
    match cause.requirement:
        case Avoid(name):
            return f"{who} conflicts with {name}"
        case Need(_, _, text):
            return f"{who} needs {text}"
        case Demand(text, ()):
            return f"{who} needs {text}, which nothing in the index offers"
        case Demand(text):
            return f"{who} needs {text}"
    return f"{who} needs something of {index.arch}"


def _near_missing(causes: Collection[Information], index: Index) -> str | None:
    missing = [cause.requirement.text for cause in causes if isinstance(cause.requirement, Demand) and not cause.requirement.options]
    return _near(missing[0].split()[0], index) if missing else None


def _near(name: str, index: Index) -> str | None:
    close = difflib.get_close_matches(name, index.names, n=3, cutoff=0.7)
    return f"near names: {', '.join(close)}" if close else None
