"""A timeline of each build that ran something, for chrome://tracing and ui.perfetto.dev: one lane per thread.

Source of the format: "Trace Event Format", complete events (`ph: X`), times in microseconds. The last few are kept with the workspace's
state. Does not know what an action does.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from lkbuild.app.options import new_invocation
from lkbuild.base.atomic import write_atomic
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionInfo, Source
from lkbuild.model.artifact import ActionId
from lkbuild.model.events import ActionFinished, ActionStarted, Event

FOLDER: Final = "traces"
#: How many are kept.
KEPT: Final = 5


@dataclass(slots=True)
class TraceSink:
    """Collects what runs when. Safe to use from many threads."""

    _began: float = field(default_factory=time.monotonic)
    _running: dict[ActionId, tuple[ActionInfo, float]] = field(default_factory=dict)
    _lanes: dict[int, int] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def emit(self, event: Event) -> None:
        """Take one event."""
        now = time.monotonic() - self._began
        with self._lock:
            match event:
                case ActionStarted():
                    self._running[event.info.id] = (event.info, now)
                case ActionFinished() if event.info is not None:
                    self._finished(event.info, event.source, now)
                case _:
                    pass

    def _finished(self, info: ActionInfo, source: Source, now: float) -> None:
        _, start = self._running.pop(info.id, (info, now))
        lane = self._lanes.setdefault(threading.get_ident(), len(self._lanes) + 1)
        self._events.append(
            {
                "name": info.message or f"{info.mnemonic} {info.label}",
                "cat": info.mnemonic,
                "ph": "X",
                "ts": round(start * 1e6),
                "dur": round((now - start) * 1e6),
                "pid": 1,
                "tid": lane,
                "args": {"label": info.label, "action": str(info.id), "source": source.value},
            }
        )

    def to_json(self, name: str) -> dict[str, Any]:
        """The whole trace."""
        lanes = [
            {"name": "thread_name", "ph": "M", "pid": 1, "tid": lane, "args": {"name": f"lane {lane}"}} for lane in self._lanes.values()
        ]
        process = {"name": "process_name", "ph": "M", "pid": 1, "args": {"name": f"lkbuild {name}"}}
        return {"traceEvents": [process, *lanes, *self._events], "displayTimeUnit": "ms"}

    def save(self, state: Path, invocation: str) -> None:
        """Keep it, and no more than the newest few; nothing for a build that ran nothing. A disk that refuses costs the trace."""
        if not self._events:
            return
        folder = state / FOLDER
        if (folder / f"{invocation}.json").exists():
            invocation = new_invocation()  # a resident process builds many times under one command line
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            data = json.dumps(self.to_json(invocation), separators=(",", ":")).encode("utf-8", "backslashreplace")
            write_atomic(folder / f"{invocation}.json", data)
            for file in kept(state)[KEPT:]:
                file.unlink(missing_ok=True)


def kept(state: Path) -> list[Path]:
    """The traces of a workspace, newest first."""
    try:
        return sorted((state / FOLDER).glob("*.json"), reverse=True)
    except OSError:
        return []
