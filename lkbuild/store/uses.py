"""Last uses of what is stored: they decide what a collector takes, so they are noted before anybody relies on it. Knows no files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Final

from lkbuild.store.database import Database
from lkbuild.store.leases import Lease

#: A use is written down when the last one is older: a build of cached things writes nothing. The collector leaves this much room.
COARSE_S: Final = 3600


class Uses:
    """Last uses: rows that were not used for an hour are marked at once, so that the collector can't take what was just promised."""

    def __init__(self, database: Database, lease: Lease | None) -> None:
        self._database, self._lease = database, lease
        self._noting = True

    @contextlib.contextmanager
    def unnoted(self) -> Iterator[None]:
        """Reads of the block are no uses: a collector or verifier looks at everything."""
        self._noting = False
        try:
            yield
        finally:
            self._noting = True

    def now(self) -> int:
        """The time, in seconds since 1970."""
        now = time.time()
        if self._lease is not None:
            self._lease.seen(now)
        return int(now)

    def stale(self, used: int) -> bool:
        """Whether a last use is old enough to be written anew. A read-only store keeps no account."""
        return self._noting and self._database.writable and used < self.now() - COARSE_S

    def mark(self, table: str, column: str, keys: Iterable[bytes]) -> set[bytes]:
        """Mark rows as used now, durably. Returns the keys that are there no more."""
        now, gone = self.now(), set()
        with self._database.transaction() as connection:
            for key in keys:
                done = connection.execute(f"UPDATE {table} SET used=? WHERE {column}=?", (now, key))  # noqa: S608 - constants of this package
                if done.rowcount == 0:
                    gone.add(key)
            # A collector that has looked at last uses before this looks again.
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'marks'")
        return gone
