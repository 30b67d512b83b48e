"""Writes a target's outputs as soon as the last of its actions has run, in the thread that ran it, while others run.

Written at the end they would all wait for one thread. What fails here is done again at the end, and told there. Does not decide what an
output is, nor where it goes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

from lkbuild.app.materialise import Materialiser
from lkbuild.app.places import folder_of
from lkbuild.app.request import Requested
from lkbuild.base.errors import LkbuildError
from lkbuild.execution.build import Execution
from lkbuild.model.artifact import ActionId


class WrittenEarly:
    """Is told of each action that is done. Safe to use from many threads."""

    def __init__(self, requested: Sequence[Requested], out: Path) -> None:
        """Nothing is done before the first action is: most builds have none."""
        self._requested = requested
        self._out = out
        #: What a target still waits for, by each of its actions; None before the first action is done.
        self._waiting: dict[ActionId, list[tuple[Requested, set[ActionId]]]] | None = None
        self._guard = threading.Lock()

    def done(self, action: ActionId, execution: Execution, materialiser: Materialiser) -> None:
        """Write the targets that waited for this action only."""
        with self._guard:
            ready = self._ready(action, execution)
        for item in ready:
            with contextlib.suppress(LkbuildError):
                if materialiser.can_write(item.files):
                    materialiser.write(item.files, f"{self._out}/{folder_of(item.selected.node)}")

    def _ready(self, action: ActionId, execution: Execution) -> list[Requested]:
        if self._waiting is None:
            self._waiting = self._open(action, execution)
        ready = []
        for item, missing in self._waiting.pop(action, ()):
            missing.discard(action)
            if not missing:
                ready.append(item)
        return ready

    def _open(self, first: ActionId, execution: Execution) -> dict[ActionId, list[tuple[Requested, set[ActionId]]]]:
        waiting: dict[ActionId, list[tuple[Requested, set[ActionId]]]] = {}
        graph, results = execution.graph, execution.results
        for item in self._requested:
            # Whose result another thread has just found, and not told here yet, is left for the end.
            missing = {action for action in item.actions() if action == first or graph.recipes[action] not in results}
            for action in missing:
                waiting.setdefault(action, []).append((item, missing))
        return waiting
