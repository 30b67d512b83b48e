"""The kinds of lock that there are: what `lkbuild lock` calls for a `Locked` provider, by its `kind`.

A kind turns the request (JSON text that its rule made) and a download function into the text of a lock file, and judges one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from lkbuild.base.errors import LockError
from lkbuild.locks.deb import lockfile as deb_lockfile
from lkbuild.locks.deb.request import DebRequest
from lkbuild.locks.deb.update import update as update_deb
from lkbuild.locks.oci.lock import OciLockKind
from lkbuild.locks.request import Download, LockChange, LockProblem
from lkbuild.model.deb_lock import LockFormatError


class LockKind(Protocol):
    """One kind of lock file."""

    def update(self, request: str, old_text: str, download: Download, *, only: Collection[str] = ()) -> str:
        """The text of a new lock; `only`: for these architectures, the others stay as they are. Raises LockError or FetchError."""
        ...

    def check(self, request: str, text: str) -> tuple[LockProblem, ...]:
        """What is wrong with a lock; empty where nothing is. Pure and offline."""
        ...

    def diff(self, old: str, new: str) -> tuple[LockChange, ...]:
        """How two locks differ. Raises LockError for a text that is none."""
        ...


class DebLockKind:
    """Debian packages: see docs/format/deb-lock.md."""

    def update(self, request: str, old_text: str, download: Download, *, only: Collection[str] = ()) -> str:
        """As LockKind."""
        return update_deb(DebRequest.parse(request), old_text, download, now=datetime.now(UTC), only=only)

    def check(self, request: str, text: str) -> tuple[LockProblem, ...]:
        """As LockKind."""
        return deb_lockfile.check(DebRequest.parse(request), text)

    def diff(self, old: str, new: str) -> tuple[LockChange, ...]:
        """As LockKind."""
        try:
            return deb_lockfile.diff(old, new)
        except LockFormatError as error:
            raise LockError(f"line {error.line} of the lock: {error}") from error


KINDS: Final[Mapping[str, LockKind]] = {"deb": DebLockKind(), "oci": OciLockKind()}
