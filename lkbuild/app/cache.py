"""Use case: look at the store and look after it."""

from __future__ import annotations

import dataclasses
from typing import Any

from lkbuild.app import info as information
from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import StoreError
from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
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
    """Collect what was not used for longest, until the store fits."""
    with DiskStore.open(options.cache) as store:
        report = collect(store, GcPolicy(max_bytes=max_bytes), dry_run=options.dry_run)
        return dataclasses.asdict(report)
