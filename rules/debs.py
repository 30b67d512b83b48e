"""Debian packages in rules: from a lock and names to the entries of a closure, and the actions that fetch them.

Shared by every rule that takes `debs:`. Pure. Does not know mirrors (lkbuild.fetch does) nor what is in a package.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import NoReturn

from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import Output
from lkbuild.model.deb_lock import AbsentPackage, DebEntry, DebLock, LockFormatError, parse_lock
from lkbuild.model.deb_lock import closure as _closure
from lkbuild.model.rule import RuleContext

from .providers import DebLockInfo

__all__ = ["DebEntry", "closure", "closure_of", "fetch", "package_of", "sources"]

#: The archive publishes an index some hours after its Date, and the snapshot archive answers with the state before a time.
_PUBLISHED = timedelta(hours=12)


def closure(text: str, arch: str, names: Iterable[str], without: Iterable[str] = ()) -> tuple[DebEntry, ...]:
    """The named packages and all that they need on an architecture, each before what it needs.

    Args:
        text: the lock's text.
        arch: Debian's name of the architecture.
        names: packages of the lock.
        without: packages that are left out, with what only they need.

    Raises:
        ValueError: a name that the lock does not hold, or text that is no lock.
    """
    return _closure(parse_lock(text), arch, names, without)


def closure_of(
    ctx: RuleContext, lock: Label, names: Sequence[str], *, without: Iterable[str] = (), attr: str = "debs", execution: bool = False
) -> tuple[tuple[DebEntry, Output], ...]:
    """The closure of names in a `deb_lock` dependency, each entry with the output of the action that fetches it.

    `execution`: the packages are tools, of the architecture that the build runs on. Errors stand at the attribute `attr`.
    """
    info = ctx.require(lock, DebLockInfo, attr=("lock",))
    arch = ctx.configuration.exec_arch if execution else ctx.arch
    if not info.text.strip():
        ctx.fail(f"the lock file {info.path} is missing or empty", attr=(attr,), hint=f"run `lkbuild lock update {lock.short}`")
    try:
        parsed = parse_lock(info.text)
        entries = _closure(parsed, arch, names, without)
    except ValueError as error:
        _refuse(ctx, info, lock, error, attr, names)
    return tuple((entry, fetch(ctx, parsed, entry)) for entry in entries)


def package_of(
    ctx: RuleContext, lock: Label, name: str, *, stands_for: str | None = None, attr: str = "deb", execution: bool = False
) -> tuple[DebEntry, Output]:
    """One package without what it needs, and the output of the action that fetches it.

    `stands_for`: a package that depends on another whose name starts so (linux-image-cloud-amd64) means that one.
    """
    info = ctx.require(lock, DebLockInfo, attr=("lock",))
    arch = ctx.configuration.exec_arch if execution else ctx.arch
    try:
        parsed = parse_lock(info.text)
        _closure(parsed, arch, (name,))
    except ValueError as error:
        _refuse(ctx, info, lock, error, attr)
    entries = parsed.entries[arch]
    if stands_for is not None:
        name = next((dep for dep in entries[name].deps if dep.startswith(stands_for)), name)
    return entries[name], fetch(ctx, parsed, entries[name])


def _refuse(ctx: RuleContext, info: DebLockInfo, lock: Label, error: ValueError, attr: str, names: Sequence[str] = ()) -> NoReturn:
    """Fail where a lock can't give what was asked for: at the package's own place where it is one of `names`."""
    update = f"run `lkbuild lock update {lock.short}`"
    if isinstance(error, LockFormatError):
        ctx.fail(f"{info.path}:{error.line}: {error}", attr=("lock",), hint=update)
    if not isinstance(error, AbsentPackage):
        ctx.fail(f"{info.path}: {error}", attr=(attr,), hint=update)
    where = (attr, names.index(error.name)) if error.name in names else (attr,)
    if error.others:
        hint = f"choose another by `select:`, or say `arches: [{', '.join(error.others)}]` of the target"
    elif error.near:
        hint = f"near: {', '.join(error.near)}; or add it to the packages of {lock.short} and {update}"
    else:
        hint = f"add it to the packages of {lock.short} and {update}"
    ctx.fail(str(error), attr=where, hint=hint)


def fetch(ctx: RuleContext, lock: DebLock, entry: DebEntry) -> Output:
    """Emit the action that fetches a package. Its identity is the digest: the same package is one action in every lock."""
    name = entry.path.rpartition("/")[2]
    (output,) = ctx.builtin(
        "fetch",
        1,
        [f"sha256:{entry.sha256}", str(entry.size)],
        outputs=[DeclaredOutput(name)],
        message=f"fetch {name}",
        sources=sources(lock, entry),
    )
    return output


def sources(lock: DebLock, entry: DebEntry) -> tuple[str, ...]:
    """Where a package may come from: any mirror, and at last the snapshot archive as of the lock's date of its architecture."""
    return (f"deb:{entry.path}", f"deb-snapshot:{_published(lock.snapshot(entry.arch))}/{entry.path}")


@cache
def _published(snapshot: str) -> str:
    date = datetime.fromisoformat(snapshot) + _PUBLISHED  # strptime imports for 5 ms
    return f"{date:%Y%m%dT%H%M%SZ}"
