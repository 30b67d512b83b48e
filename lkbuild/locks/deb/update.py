"""Makes a lock of Debian packages anew: fetches the signed index, then the package indices that it vouches for, then resolves.

Gets a download function and the time; opens no socket, reads no clock, writes no file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lkbuild.base.errors import FetchError, LockError
from lkbuild.locks.deb.index import BadIndex, Index, Package, decompressed
from lkbuild.locks.deb.release import Release, verify_release
from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.deb.resolve import resolve
from lkbuild.locks.deb.search import Resolved
from lkbuild.locks.request import Download
from lkbuild.model.deb_lock import DebEntry, DebLock, LockFormatError, format_lock, parse_lock

_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
#: InRelease of trixie has 140 kB; nothing unverified may be large.
_RELEASE_LIMIT: Final = 4 << 20
_INDEX_LIMIT: Final = 128 << 20


def update(request: DebRequest, old_text: str, download: Download, *, now: datetime, only: Collection[str] = ()) -> str:
    """The text of a new lock. The same request and the same index give the same text, whatever the old lock held.

    Args:
        request: what must be in it.
        old_text: the lock that there is, or "": an index older than its own is refused.
        download: brings bytes.
        now: the time, for an index that expires.
        only: architectures to resolve anew, the others stay as the old lock has them; none: all.

    Raises:
        LockError: the index is not to be trusted, or the request can't be met, or the mirror has not all that it says.
        FetchError: something can't be had.
    """
    arches = [arch for arch in request.arches if not only or arch in only]
    old = _old(old_text)
    kept = _kept(request, old, arches)
    root = f"dists/{request.suite}"
    data = download((f"deb:{root}/InRelease",), sha256=None, size=None, limit=_RELEASE_LIMIT)
    release = verify_release(data, keyring=request.keyring, suite=request.suite, now=now, not_before=_date_of(old, request.suite))
    date = release.date.strftime(_STAMP)
    files = _downloaded(request, release, root, arches, download)
    entries: dict[str, Mapping[str, DebEntry]] = dict(kept)
    for arch in arches:
        resolved = resolve(
            _index(request, arch, files.pop(arch)), request.named(arch), exclude=request.exclude, recommends=request.recommends
        )
        entries[arch] = _entries(arch, resolved)
    lock = DebLock(
        suite=request.suite,
        components=request.components,
        date=date,
        recommends=request.recommends,
        entries=entries,
        dates={arch: old.date_of(arch) for arch in kept if old is not None and old.date_of(arch) != date},
    )
    return _readable(format_lock(lock))


def _kept(request: DebRequest, old: DebLock | None, arches: Collection[str]) -> dict[str, Mapping[str, DebEntry]]:
    """What the old lock has for the architectures that are not resolved anew. Raises LockError where it is of no use."""
    if not arches:
        raise LockError(f"the lock is for {', '.join(request.arches)} only")
    others = [arch for arch in request.arches if arch not in arches]
    lacking = others if old is None or old.suite != request.suite else [arch for arch in others if arch not in old.entries]
    if lacking:
        raise LockError(f"the lock holds nothing for {', '.join(lacking)} yet", hint="update it for all architectures first")
    return {arch: old.entries[arch] for arch in others} if old is not None else {}


def _downloaded(
    request: DebRequest, release: Release, root: str, arches: Sequence[str], download: Download
) -> dict[str, list[tuple[str, bytes]]]:
    """The package indices of each architecture, with their paths. Raises LockError, which names all architectures that lack one."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    failed: dict[str, FetchError] = {}
    for arch in arches:
        try:
            found[arch] = [_component(request, release, root, f"{component}/binary-{arch}", download) for component in request.components]
        except FetchError as error:
            failed[arch] = error
    if failed:
        message = f"no mirror has the package index of {', '.join(failed)} that the signed index of {release.date:%Y-%m-%d %H:%M} names"
        hint = "a mirror in the middle of an update is whole again some hours later, or take another: LKBUILD_DEB_MIRROR"
        if found:
            hint += f"\nthe other architectures can be updated alone: {' '.join(f'--arch {arch}' for arch in found)}"
        detail = "\n".join(f"{arch}: {error.detail or error.message}" for arch, error in failed.items())
        raise LockError(message, detail=detail, hint=hint)
    return found


def _component(request: DebRequest, release: Release, root: str, folder: str, download: Download) -> tuple[str, bytes]:
    path = f"{folder}/Packages.xz"
    file = release.files.get(path)
    if file is None:
        component, _, arch = folder.partition("/binary-")
        has = f"{', '.join(release.components)} for {', '.join(release.arches)}"
        raise LockError(f"{request.suite} has no component {component} for {arch}", hint=f"it has {has}")
    sources = (f"deb:{root}/{file.by_hash}", f"deb:{root}/{path}") if release.by_hash else (f"deb:{root}/{path}",)
    return path, download(sources, sha256=file.sha256, size=file.size, limit=_INDEX_LIMIT)


def _readable(text: str) -> str:
    """The text, if it reads as a lock: a path or digest of another form in the index is refused here and not in the next build."""
    try:
        parse_lock(text)
    except LockFormatError as error:
        raise LockError(f"the index holds what a lock can't: {error}") from error
    return text


def _old(text: str) -> DebLock | None:
    """The old lock, or None where there is none. Raises LockError for one that can't be read: it is not overwritten."""
    if not text.strip():
        return None
    try:
        return parse_lock(text)
    except LockFormatError as error:
        raise LockError(f"line {error.line} of the lock: {error}", hint="mend or delete the lock file, then update it") from error


def _date_of(old: DebLock | None, suite: str) -> datetime | None:
    """The Date of the index behind the old lock: None without one, and for another suite."""
    if old is None or old.suite != suite:
        return None
    try:
        return datetime.strptime(old.date, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise LockError("the lock's date can't be read", hint="mend or delete the lock file, then update it") from error


def _index(request: DebRequest, arch: str, files: Sequence[tuple[str, bytes]]) -> Index:
    index = Index(arch)
    for path, data in files:
        try:
            index.add(decompressed(data))
        except BadIndex as error:
            raise LockError(f"{request.suite}/{path}: {error}") from error
    return index


def _entries(arch: str, resolved: Resolved) -> dict[str, DebEntry]:
    return {name: _entry(arch, package, resolved.deps[name]) for name, package in sorted(resolved.packages.items())}


def _entry(arch: str, package: Package, deps: tuple[str, ...]) -> DebEntry:
    return DebEntry(
        arch=arch,
        name=package.name,
        version=package.version,
        path=package.path,
        size=package.size,
        sha256=package.sha256,
        deps=deps,
    )
