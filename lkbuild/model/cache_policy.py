"""The policy of the cache: what `cache/cache.yaml` declares. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How much the local store may take; None: no limit of that kind. Bytes, seconds."""

    max_bytes: int | None = None
    max_age_s: int | None = None
    min_free_bytes: int | None = None
