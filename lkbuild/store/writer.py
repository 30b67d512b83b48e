"""Group commit: writes of many threads go into one transaction, in order, a tenth of a second late, and are visible at once.

Writes are applied in the order of their submission, so what is durable is always a prefix of what was submitted: an action result
never without the blobs put before it. Commits of all processes wait while somebody holds the lock file exclusively: a collector on a
full disk. Knows neither tables nor blobs.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from lkbuild.base.errors import StoreError
from lkbuild.base.values import dataclass
from lkbuild.store.database import Database
from lkbuild.store.failures import translated
from lkbuild.store.leases import locked

#: Of what is put within it, one transaction. Each takes as much as four small blobs: with 5 ms there was one for each small action.
_DELAY_S: Final = 0.1
_RETRY_S: Final = 1.0
#: Beyond this the caller commits itself: memory stays bounded when writes come faster than the disk takes them.
_LIMIT_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """One change: what readers of this process see until it is committed, and how to apply it."""

    key: tuple[str, Any]
    value: Any
    apply: Callable[[sqlite3.Connection], object]
    cost: int = 100


class GroupWriter:
    """A queue of writes and the thread that commits it."""

    def __init__(self, database: Database, lock: Path) -> None:
        self._database, self._lock = database, lock
        self._changed = threading.Condition()
        self._committing = threading.Lock()
        self._pending: list[Write] = []
        self._visible: dict[tuple[str, Any], Write] = {}
        self._cost = 0
        self._failed = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, write: Write) -> None:
        """Queue a write. Raises StoreError where an earlier one could not be committed and still can't."""
        with self._changed:
            self._pending.append(write)
            self._visible[write.key] = write
            self._cost += write.cost
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-commit", daemon=True)
                self._thread.start()
            elif len(self._pending) == 1:
                self._changed.notify_all()
            urgent = self._failed or self._closed or self._cost > _LIMIT_BYTES
        if urgent:
            self.flush()

    def peek(self, key: tuple[str, Any]) -> Any | None:
        """What a write that is not committed yet says of this key. Ask before the database: a write leaves here only after it is there."""
        write = self._visible.get(key)
        return None if write is None else write.value

    def commit(self, write: Write) -> None:
        """Return when everything submitted before, and then this write, is committed.

        Raises:
            StoreError: what was submitted before stays queued; this write has never been.
        """
        self._commit((write,))

    def flush(self) -> None:
        """Return when everything submitted before is committed. Raises StoreError; then it stays queued."""
        self._commit(())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nothing that is queued is committed during the block: its room on a full disk is the collector's. Don't flush in it."""
        with self._committing:
            yield

    def _commit(self, last: tuple[Write, ...]) -> None:
        with self._committing:
            with self._changed:
                batch, cost = self._pending, self._cost
                self._pending, self._cost = [], 0
            if not batch and not last:
                return
            try:
                with translated(self._database.root), locked(self._lock, exclusive=False), self._database.transaction() as connection:
                    for write in (*batch, *last):
                        write.apply(connection)
            except BaseException:
                with self._changed:
                    self._pending = batch + self._pending
                    self._cost += cost
                    self._failed = True
                raise
            with self._changed:
                self._failed = False
                for write in batch:
                    if self._visible.get(write.key) is write:
                        del self._visible[write.key]

    def close(self) -> None:
        """Commit what is queued and end the thread. Raises StoreError where that is impossible."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._closed:
                    self._changed.wait()
                self._changed.wait_for(lambda: self._closed, _DELAY_S)
                if self._closed:
                    return
            # The next submit or flush of a caller meets the same error and raises it there.
            with contextlib.suppress(StoreError):
                self.flush()
            with self._changed:
                if self._failed and not self._closed:
                    self._changed.wait(_RETRY_S)
