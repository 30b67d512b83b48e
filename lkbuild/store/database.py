"""The store's SQLite database: schema, connections, transactions. Knows no blob, action or tree, only tables.

WAL with synchronous=NORMAL: a crash of the machine may lose the last transactions but never their order, so that a result is
never there without the blobs that were put before it (sqlite.org/pragma.html#pragma_synchronous). One connection reads, one
writes, each under a lock: SQLite has one writer anyway, and a read takes microseconds.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from lkbuild.store.failures import StoreReadOnly, gone, of_database_error, translated
from lkbuild.store.layout import Layout

SCHEMA: Final = """
CREATE TABLE blobs (hash BLOB PRIMARY KEY, size INTEGER NOT NULL, kind INTEGER NOT NULL, stored INTEGER NOT NULL,
                    used INTEGER NOT NULL, packed INTEGER) WITHOUT ROWID;
CREATE TABLE packed (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE trees (hash BLOB PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL, boot TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE complete (hash BLOB PRIMARY KEY, removals INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE actions (key BLOB PRIMARY KEY, size INTEGER NOT NULL, result BLOB NOT NULL, checksum BLOB NOT NULL,
                      used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE recipes (recipe BLOB PRIMARY KEY, key BLOB NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sha256 (sha256 BLOB PRIMARY KEY, hash BLOB NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE seconds (name TEXT PRIMARY KEY, seconds REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('removals', 0), ('marks', 0);
"""
#: Lists among the blobs (kind 4) by last use. Stores from before it get it when they are opened for writing; without it they are searched.
LISTS: Final = "CREATE INDEX IF NOT EXISTS lists ON blobs (used) WHERE kind = 4"
#: How many values one IN (...) takes: SQLite's limit is 32,766, and one statement text is cached for full chunks.
CHUNK: Final = 500
_BUSY_S: Final = 60.0
#: The log is folded in when it has so many pages of 8 KiB.
_FOLD_PAGES: Final = 2000
#: At most 1 MiB of pages move in one step.
_VACUUM_PAGES: Final = 128


class Database:
    """Two connections to one store's database. Safe to use from many threads; every failure is a StoreError."""

    def __init__(self, layout: Layout, *, writable: bool) -> None:
        self.root = layout.root
        self.writable = writable
        self._path = layout.database
        with translated(self.root):
            self._identity = _identity(self._path)
            self._reader = _connect(self._path, writable=writable)
            self._writer = _connect(self._path, writable=True) if writable else None
            if self._writer is not None:
                with contextlib.suppress(sqlite3.OperationalError):  # no room for it: it can wait
                    self._writer.execute(LISTS)
            self._reader.execute("SELECT value FROM meta LIMIT 1").fetchall()
        self._reading, self._writing = threading.Lock(), threading.Lock()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        try:
            with self._reading:
                return self._reader.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise of_database_error(self.root, error) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Any | None:
        """The first row of a query, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def rows_in(self, sql: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of a query with one `IN (?)`, for any number of values."""
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            yield from self.rows(sql.replace("(?)", f"({','.join('?' * len(part))})"), part)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The one writer of this process, in a transaction that commits when the block ends well.

        Raises:
            StoreError: the disk is full, the store is read-only, damaged or gone; then nothing of it was written.
        """
        if self._writer is None:
            raise StoreReadOnly(f"the store at {self.root} is read-only")
        with self._writing:
            # Writes to a database whose file was unlinked would succeed and be lost.
            if _identity(self._path) != self._identity:
                raise gone(self.root)
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException as error:
                if self._writer.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise of_database_error(self.root, error) from error
                raise

    def shrink(self) -> None:
        """Give freed pages back to the file system, and fold the write-ahead log in as far as readers let us."""
        if self._writer is None:
            return
        # Moving pages takes room of its own: on a full disk, or while somebody reads, it is left to the next time.
        with self._writing, contextlib.suppress(sqlite3.OperationalError):
            left = self._free_pages()
            while left:
                # In steps: the pages that one statement moves are all in memory, and in the log. It gives back a page a step,
                # without a row: only a script steps to the end.
                self._writer.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
                before, left = left, self._free_pages()
                if left >= before:
                    break
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _free_pages(self) -> int:
        return 0 if self._writer is None else int(self._writer.execute("PRAGMA freelist_count").fetchone()[0])

    @contextlib.contextmanager
    def folded_by_hand(self) -> Iterator[None]:
        """During the block only `shrink` folds the log in: on a full disk, folding in what is about to be deleted takes the last room."""
        if self._writer is None:
            yield
            return
        self._writer.execute("PRAGMA wal_autocheckpoint=0")
        try:
            yield
        finally:
            self._writer.execute(f"PRAGMA wal_autocheckpoint={_FOLD_PAGES}")

    def close(self) -> None:
        """Close both connections; the last process to close folds the write-ahead log into the database."""
        with self._reading, self._writing, translated(self.root):
            self._reader.close()
            if self._writer is not None:
                self._writer.close()


def create(path: Path) -> None:
    """Make an empty database; the caller holds the store's lock and publishes it by a rename."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # 8 KiB pages: a 4 KiB file fits one page, which halves the overflow chains of packed blobs.
        connection.execute("PRAGMA page_size=8192")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # what is collected goes back to the file system
        connection.execute("PRAGMA journal_mode=WAL")
        # A new store has nothing to lose: one that a power failure leaves half made is made again or repaired.
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript(f"{SCHEMA}{LISTS};")
    finally:
        connection.close()


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    if writable:
        return _configured(f"{path.absolute().as_uri()}?mode=rw")
    try:
        return _configured(f"{path.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        # A WAL database on a read-only file system has no place for its -shm file (sqlite.org/wal.html#readonly).
        return _configured(f"{path.absolute().as_uri()}?mode=ro&immutable=1")


def _configured(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_FOLD_PAGES}")
        # Debian's SQLite overwrites what is deleted, which writes as much as it frees, on a disk that may be full.
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("PRAGMA cache_spill=OFF")  # a page changed twice in one transaction is logged once
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - once a transaction; Path.stat builds another object
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
