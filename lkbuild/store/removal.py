"""Removal: carries a plan of the collector out, in small steps, so that it also works where the disk is full. Knows no policy.

Deleting rows takes room before it gives some: for the database's log, and where the log is folded in. On a full disk that is the
reserve's room, and whoever else commits meanwhile takes it away. So there nobody does: this process's queue is held, others wait at
files.lock, and each step is folded in before the next.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from lkbuild.base.errors import StoreError
from lkbuild.base.values import dataclass
from lkbuild.store import leases, reserve
from lkbuild.store.blobs import forget
from lkbuild.store.disk import DiskStore
from lkbuild.store.failures import StoreReadOnly, translated
from lkbuild.store.inventory import Blob, FileOnDisk, Tree

_BATCH: Final = 500
#: Less free space than this counts as a full disk.
_SCARCE: Final = 4 * reserve.SIZE


@dataclass(slots=True)
class Plan:
    """What to take, of one inventory."""

    blobs: list[Blob]
    trees: list[Tree]
    expanded: list[FileOnDisk]
    orphans: list[FileOnDisk]
    actions: list[tuple[bytes, int]]
    freed: int
    satisfied: bool


class Changed(Exception):
    """A process marked a use since the inventory was taken."""


def remove(store: DiskStore, plan: Plan, marks: int) -> None:
    """Take what is planned.

    Raises:
        Changed: `marks` is not the counter of noted uses any more; some of it may be gone.
        StoreError: the store is read-only, gone or damaged.
    """
    usage = os.statvfs(store.layout.root)
    scarce = usage.f_bavail * usage.f_frsize < _SCARCE
    with translated(store.layout.root), store.held(), contextlib.ExitStack() as stack:
        if scarce:
            stack.enter_context(leases.locked(store.layout.files_lock, exclusive=True))
            stack.enter_context(store.database.folded_by_hand())
        stack.enter_context(reserve.given_up(store.layout.reserve))
        _Removal(store, marks, scarce=scarce).run(plan)


class _Removal:
    def __init__(self, store: DiskStore, marks: int, *, scarce: bool) -> None:
        self._store, self._marks, self._scarce = store, marks, scarce

    def run(self, plan: Plan) -> None:
        # Copies first: removing them needs no room in the database.
        for files in _batches(plan.expanded):
            with self._removing():
                for file in files:
                    file.path.unlink(missing_ok=True)
        for actions in _batches(plan.actions):
            self._step(lambda actions=actions: self._actions(actions))  # type: ignore[misc]  # mypy infers no default
        for tree in plan.trees:
            self._step(lambda tree=tree: self._tree(tree))  # type: ignore[misc]  # as above
        for blobs in _batches(plan.blobs):
            self._step(lambda blobs=blobs: self._blobs(blobs), lambda blobs=blobs: self._files(blobs))  # type: ignore[misc]  # as above
        self._orphans(plan.orphans)
        self._step(self._tidy)
        self._store.database.shrink()

    def _step(self, step: Callable[[], None], make_room: Callable[[], None] = lambda: None) -> None:
        try:
            step()
        except StoreReadOnly:
            raise
        except StoreError:
            make_room()
            step()
        if self._scarce:
            self._store.database.shrink()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """No file is being published."""
        if self._scarce:  # it is held throughout
            yield
        else:
            with leases.locked(self._store.layout.files_lock, exclusive=True):
                yield

    @contextlib.contextmanager
    def _removing(self) -> Iterator[None]:
        """No file is being published, and nobody has marked a use since the inventory."""
        with self._locked():
            if self._store.database.rows("SELECT value FROM meta WHERE name = 'marks'")[0][0] != self._marks:
                raise Changed
            yield

    def _actions(self, actions: Sequence[tuple[bytes, int]]) -> None:
        with self._removing(), self._store.database.transaction() as connection:
            connection.executemany("DELETE FROM actions WHERE key = ? AND used = ?", actions)

    def _tree(self, tree: Tree) -> None:
        doomed = self._store.bytes.temporary()
        with self._removing(), self._store.database.transaction() as connection:
            raw = bytes.fromhex(tree.path.name)
            row = connection.execute("SELECT used FROM trees WHERE hash = ?", (raw,)).fetchone()
            if (None if row is None else row[0]) != tree.used:
                return
            with contextlib.suppress(FileNotFoundError):
                tree.path.chmod(0o755)
                tree.path.rename(doomed)
            connection.execute("DELETE FROM trees WHERE hash = ?", (raw,))
        leases.remove_directory(doomed)

    def _blobs(self, blobs: Sequence[Blob]) -> None:
        """Rows, then files: whoever is killed between leaves files without rows, which are harmless."""
        with self._removing():
            with self._store.database.transaction() as connection:
                doomed = self._unused(connection, blobs)
                forget(connection, (bytes.fromhex(blob.digest.hash) for blob in doomed))
            self._unlink(doomed)

    def _files(self, blobs: Sequence[Blob]) -> None:
        """The files alone, where there is no room to delete rows. Until they are deleted too, readers see that the bytes are gone."""
        with self._removing(), self._store.database.transaction() as connection:
            self._unlink(self._unused(connection, blobs))

    def _unused(self, connection: sqlite3.Connection, blobs: Sequence[Blob]) -> list[Blob]:
        """Those that were neither put nor marked since the inventory. Raises Changed where one was that a list among them may name."""
        sql, found = "SELECT used FROM blobs WHERE hash = ?", []
        if connection.execute("SELECT value FROM meta WHERE name = 'marks'").fetchone()[0] != self._marks:
            raise Changed
        for blob in blobs:
            row = connection.execute(sql, (bytes.fromhex(blob.digest.hash),)).fetchone()
            if row is not None and row[0] == blob.used:
                found.append(blob)
        return found

    def _unlink(self, blobs: Sequence[Blob]) -> None:
        layout = self._store.layout
        for blob in blobs:
            for flag in (False, True):
                layout.blob(blob.digest, compressed=flag).unlink(missing_ok=True)
                layout.expanded(blob.digest, executable=flag).unlink(missing_ok=True)

    def _orphans(self, orphans: Sequence[FileOnDisk]) -> None:
        """Files without a row: of a process that was killed between a rename and its commit."""
        with self._locked():
            for file in orphans:
                raw = bytes.fromhex(file.path.name.removesuffix(".zst"))
                row = self._store.database.row("SELECT kind FROM blobs WHERE hash = ?", (raw,))
                if row is None or row[0] != (3 if file.path.name.endswith(".zst") else 2):
                    file.path.unlink(missing_ok=True)

    def _tidy(self) -> None:
        with self._store.database.transaction() as connection:
            connection.execute("DELETE FROM recipes WHERE key NOT IN (SELECT key FROM actions)")
            connection.execute("DELETE FROM sha256 WHERE hash NOT IN (SELECT hash FROM blobs)")
            connection.execute("DELETE FROM complete WHERE hash NOT IN (SELECT hash FROM blobs)")


_Item = TypeVar("_Item")


def _batches(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
