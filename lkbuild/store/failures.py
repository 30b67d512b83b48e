"""What can go wrong below a store, told as StoreError: full disks, read-only and damaged stores. Knows errno and SQLite's codes only."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.errors import StoreError

REPAIR_HINT: Final = "run: lkbuild cache verify --repair"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class StoreDamaged(StoreError):
    """The database can't be read: repairing rebuilds it from the blobs."""


class StoreReadOnly(StoreError):
    """A write to a store that this process can only read."""


class StoreGone(StoreError):
    """The store was deleted or replaced while this process used it."""


@contextlib.contextmanager
def translated(root: Path) -> Iterator[None]:
    """Turn OSError and sqlite3.Error of the block into StoreError with a hint."""
    try:
        yield
    except OSError as error:
        raise of_os_error(root, error) from error
    except sqlite3.Error as error:
        raise of_database_error(root, error) from error


def of_os_error(root: Path, error: OSError) -> StoreError:
    """The StoreError that says what an OSError means for the store."""
    if error.errno in _FULL:
        return _full(root)
    if error.errno in _DENIED:
        return StoreReadOnly(
            f"can't write to the store at {root}: {error.strerror}", hint="check its owner and mount options, or pass --cache DIR"
        )
    if error.errno == errno.ENOENT and not root.exists():
        return gone(root)
    return StoreError(f"the store at {root}: {error}")


def of_database_error(root: Path, error: sqlite3.Error) -> StoreError:
    """The StoreError that says what SQLite's error means (primary result codes: sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return _full(root)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT) or "no such table" in str(error):
        return StoreDamaged(f"the database of the store at {root} is damaged: {error}", hint=REPAIR_HINT)
    if primary == sqlite3.SQLITE_READONLY:
        if not (root / "store.sqlite").exists():
            return gone(root)
        return StoreReadOnly(f"the store at {root} is read-only", hint="check its owner and mount options, or pass --cache DIR")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"the store at {root} is locked by another process for too long", hint="look for a stopped lkbuild process")
    if primary == sqlite3.SQLITE_IOERR and _is_full(root):
        return _full(root)
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and not (root / "store.sqlite").exists():
        return gone(root)
    return StoreError(f"the database of the store at {root}: {error}", hint=REPAIR_HINT)


def gone(root: Path) -> StoreGone:
    """The error for a store that vanished under a running process."""
    return StoreGone(f"the store at {root} was deleted or replaced while in use", hint="run the command again: it starts with a new store")


def _full(root: Path) -> StoreError:
    return StoreError(f"no space left for the store at {root}", hint="free some space, run: lkbuild cache gc, or pass --cache DIR")


def _is_full(root: Path) -> bool:
    try:
        usage = os.statvfs(root)
    except OSError:
        return False
    return usage.f_bavail * usage.f_frsize < 1 << 20
