"""Collects the store after a build, where the workspace's policy wants that. Does not know what was built."""

from __future__ import annotations

from typing import Final

from lkbuild.app.session import Session
from lkbuild.base.errors import LkbuildError
from lkbuild.loading.cache_policy import POLICY_FILE, load_cache_policy
from lkbuild.model.events import EventSink, Notice
from lkbuild.store.due import GcPolicy, is_due

#: A build by itself takes nothing that was used so lately: a disk that is full of other things would cost the whole store.
_SPARED_S: Final = 86400


def collect_if_due(session: Session, sink: EventSink) -> None:
    """After a build that added something: where the store is beyond the workspace's policy, take what was not used for a day.

    A store that can't be collected is told, and is no failure of the build.
    """
    try:
        found = load_cache_policy(session.root)
        policy = GcPolicy(max_bytes=found.max_bytes, max_age_s=found.max_age_s, min_free_bytes=found.min_free_bytes)
        if not is_due(session.store, policy):
            return
        from lkbuild.store.gc import collect  # noqa: PLC0415 - once a day, if at all

        report = collect(session.store, policy, spare_s=_SPARED_S)
        if report.bytes_freed:
            sink.emit(Notice(text=f"collected {report.bytes_freed >> 20} MiB of the store, by {POLICY_FILE}"))
    except LkbuildError as error:
        sink.emit(Notice(text=f"the store was not collected: {error.message}"))
