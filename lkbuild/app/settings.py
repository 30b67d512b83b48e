"""What a session's options mean for an execution: how many at once, what must run again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from lkbuild.app.machine import memory_mib
from lkbuild.app.session import Session
from lkbuild.execution.bringing import Download
from lkbuild.execution.build import Wish
from lkbuild.model.action import PlannedAction
from lkbuild.model.artifact import ActionId

#: Commands at a time on an engine, where nothing is said: they cost little here, and an engine is more than a machine.
_AWAY: Final = 32


def make_wish(
    session: Session,
    wanted: tuple[ActionId, ...],
    actions: Mapping[ActionId, PlannedAction],
    *,
    recent: frozenset[str] = frozenset(),
    forced: frozenset[ActionId] = frozenset(),
) -> Wish:
    """The wish for some actions of a closure; those `forced` run whatever the cache says."""
    cpus = os.cpu_count() or 1
    return Wish(
        wanted=wanted,
        actions=actions,
        recent=recent,
        forced=forced,
        slots=session.options.jobs or cpus,
        cpus=cpus,
        memory_mib=memory_mib(),
        away=0 if session.options.strategy == "sandbox" else session.options.remote_jobs or _AWAY,
        keep_going=session.options.keep_going,
        # What is to be compared must be here.
        download=Download.ALL if session.options.check else Download(session.options.download),
    )
