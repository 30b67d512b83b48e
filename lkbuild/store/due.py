"""Whether a store is to be collected: what it may take, and a look that costs milliseconds. How it is collected is `lkbuild.store.gc`'s
business, which most builds never import.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.store.disk import DiskStore

_LOOK_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class GcPolicy:
    """What a store may take; None: no limit of that kind.

    Attributes:
        max_bytes: size cap.
        max_age_s: what was not used for so long goes, however small the store.
        min_free_bytes: floor of free space on the store's file system.
    """

    max_bytes: int | None = None
    max_age_s: int | None = None
    min_free_bytes: int | None = None


def is_due(store: DiskStore, policy: GcPolicy, *, clock: Callable[[], float] = time.time) -> bool:
    """Whether a store may be beyond its policy, by a look that costs milliseconds; asked anew an hour after it was last answered."""
    if not store.writable or policy == GcPolicy():
        return False
    now, looked = clock(), store.database.row("SELECT value FROM meta WHERE name = 'looked'")
    if looked is not None and 0 <= now - looked[0] < _LOOK_S:
        return False
    with store.database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('looked', ?)", (int(now),))
    if policy.min_free_bytes is not None and free_bytes(store) < policy.min_free_bytes:
        return True
    # Copies beside the blobs are not in it: it is a lower bound.
    stored = store.database.rows("SELECT ifnull(sum(stored), 0) FROM blobs")[0][0]
    oldest = store.database.rows("SELECT min(used) FROM actions")[0][0]
    large = policy.max_bytes is not None and stored > policy.max_bytes
    old = policy.max_age_s is not None and oldest is not None and oldest < now - policy.max_age_s
    return large or old


def free_bytes(store: DiskStore) -> int:
    """What is free on the file system of a store."""
    usage = os.statvfs(store.layout.root)
    return usage.f_bavail * usage.f_frsize
