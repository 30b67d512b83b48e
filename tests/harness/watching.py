"""A running `lkbuild watch`: what it tells, round by round. Waits for what must come; for what must not come, a later round is looked at.

There is no "wait a while and see that nothing happened": make another change, whose round then is the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.workspace import Workspace

#: For a machine that hangs or is very busy; no measure of anything.
PATIENCE_S = 600
_READY = "watching "


@dataclass(slots=True)
class Watch:
    """The process and its lines."""

    process: subprocess.Popen[str]
    rounds: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    notes: queue.Queue[str] = field(default_factory=queue.Queue)
    said: list[str] = field(default_factory=list)

    def next(self) -> dict[str, Any]:
        """The next round that was told."""
        try:
            return self.rounds.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError("no round came; stderr:\n" + "".join(self.said)) from None

    def until(self, text: str) -> str:
        """The next line on stderr with this text."""
        while True:
            try:
                line = self.notes.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise AssertionError(f"nobody said {text!r}; stderr:\n" + "".join(self.said)) from None
            if text in line:
                return line

    def first(self) -> dict[str, Any]:
        """The first round, once everything is watched."""
        told = self.next()
        self.until(_READY)
        return told

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def cpu_ticks(self) -> int:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def _read_rounds(self) -> None:
        for line in self.process.stdout:
            self._take(line)

    def _take(self, line: str) -> None:
        try:
            self.rounds.put(json.loads(line))
        except ValueError:
            self.said.append(line)

    def _read_notes(self) -> None:
        for line in self.process.stderr:
            self.said.append(line)
            self.notes.put(line)


def eventually(check: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < deadline, "it never was"
        time.sleep(0.02)


@contextlib.contextmanager
def watching(workspace: Workspace, *arguments: str) -> Iterator[Watch]:
    """`lkbuild watch --json ARGUMENTS` while the block runs."""
    process = workspace.start("watch", "--json", *arguments)
    watch = Watch(process)
    readers = [threading.Thread(target=target, daemon=True) for target in (watch._read_rounds, watch._read_notes)]
    for reader in readers:
        reader.start()
    try:
        yield watch
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in readers:
            reader.join(PATIENCE_S)
        process.stdout.close()
        process.stderr.close()
    assert "Traceback" not in "".join(watch.said), "".join(watch.said)
