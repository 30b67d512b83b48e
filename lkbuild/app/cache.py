"""Use case: look at the store and look after it."""

from __future__ import annotations

import dataclasses
from typing import Any

from lkbuild.app import info as information
from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import LoadError, StoreError, UsageError
from lkbuild.loading.cache_policy import load_cache_policy
from lkbuild.loading.workspace import find_workspace
from lkbuild.store.disk import DiskStore
from lkbuild.store.due import GcPolicy
from lkbuild.store.gc import collect
from lkbuild.store.verify import verify_folder


def info(options: BuildOptions) -> dict[str, Any]:
    """What the store holds, and where it is."""
    return information.store(options)


def verify(options: BuildOptions, *, repair: bool) -> dict[str, Any]:
    """Read everything and compare digests; with `repair`, what is damaged goes and the next build makes it again.

    Raises:
        StoreError: damage was found and stays.
    """
    report = verify_folder(options.cache, repair=repair)
    value: dict[str, Any] = dataclasses.asdict(report)
    if report.damaged and not repair:
        damage = "\n".join(f"  {item}" for item in report.damaged[:20])
        raise StoreError(
            f"{len(report.damaged)} things in the store are damaged", detail=damage, hint="run `lkbuild cache verify --repair`"
        )
    return value


def gc(options: BuildOptions, *, max_bytes: int | None) -> dict[str, Any]:
    """Collect what was not used for longest, until the store fits the workspace's policy, or the size given instead."""
    with DiskStore.open(options.cache) as store:
        report = collect(store, _policy(options, max_bytes), dry_run=options.dry_run)
        return dataclasses.asdict(report)


def _policy(options: BuildOptions, max_bytes: int | None) -> GcPolicy:
    if max_bytes is not None:
        return GcPolicy(max_bytes=max_bytes)
    try:
        root = options.workspace or find_workspace(options.cwd)
    except LoadError as error:
        raise UsageError("no size to collect to", hint="give --max-size, or run it in a workspace with cache/cache.yaml") from error
    found = load_cache_policy(root)
    return GcPolicy(max_bytes=found.max_bytes, max_age_s=found.max_age_s, min_free_bytes=found.min_free_bytes)
