"""Makes a lock of Debian packages anew: fetches the signed index, then the package indices that it vouches for, then resolves.

Gets a download function and the time; opens no socket, reads no clock, writes no file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from lkbuild.base.errors import LockError
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


def update(request: DebRequest, old_text: str, download: Download, *, now: datetime) -> str:
    """The text of a new lock. The same request and the same index give the same text, whatever the old lock held.

    Args:
        request: what must be in it.
        old_text: the lock that there is, or "": an index older than its own is refused.
        download: brings bytes.
        now: the time, for an index that expires.

    Raises:
        LockError: the index is not to be trusted, or the request can't be met.
        FetchError: something can't be had.
    """
    root = f"dists/{request.suite}"
    data = download((f"deb:{root}/InRelease",), sha256=None, size=None, limit=_RELEASE_LIMIT)
    release = verify_release(data, keyring=request.keyring, suite=request.suite, now=now, not_before=_date_of(old_text, request.suite))
    entries: dict[str, dict[str, DebEntry]] = {}
    for arch in request.arches:
        index = _index(request, release, root, arch, download)
        resolved = resolve(index, request.named(arch), exclude=request.exclude, recommends=request.recommends)
        entries[arch] = _entries(arch, resolved)
    lock = DebLock(
        suite=request.suite,
        components=request.components,
        date=release.date.strftime(_STAMP),
        recommends=request.recommends,
        entries=entries,
    )
    return _readable(format_lock(lock))


def _readable(text: str) -> str:
    """The text, if it reads as a lock: a path or digest of another form in the index is refused here and not in the next build."""
    try:
        parse_lock(text)
    except LockFormatError as error:
        raise LockError(f"the index holds what a lock can't: {error}") from error
    return text


def _date_of(old_text: str, suite: str) -> datetime | None:
    """The Date of the index behind the old lock: None without one, and for another suite."""
    if not old_text.strip():
        return None
    try:
        lock = parse_lock(old_text)
        return datetime.strptime(lock.date, _STAMP).replace(tzinfo=UTC) if lock.suite == suite else None
    except LockFormatError as error:
        raise LockError(f"line {error.line} of the lock: {error}", hint="mend or delete the lock file, then update it") from error
    except ValueError as error:
        raise LockError("the lock's date can't be read", hint="mend or delete the lock file, then update it") from error


def _index(request: DebRequest, release: Release, root: str, arch: str, download: Download) -> Index:
    index = Index(arch)
    for component in request.components:
        path = f"{component}/binary-{arch}/Packages.xz"
        file = release.files.get(path)
        if file is None:
            has = f"{', '.join(release.components)} for {', '.join(release.arches)}"
            raise LockError(f"{request.suite} has no component {component} for {arch}", hint=f"it has {has}")
        sources = (f"deb:{root}/{file.by_hash}", f"deb:{root}/{path}") if release.by_hash else (f"deb:{root}/{path}",)
        data = download(sources, sha256=file.sha256, size=file.size, limit=_INDEX_LIMIT)
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
