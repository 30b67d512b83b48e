"""The user's own command on the host (`lkbuild watch --exec`): not sandboxed, for it is no action and nothing of it is kept.

It lies here because lkbuild.sandbox is the one place that starts processes. The command is a process group of its own, so that a
shell's children end with it, and reads nothing: two programs at one terminal would take each other's input.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError

#: How long a command may take to end after SIGTERM, in seconds.
GRACE_S: Final = 5.0
_TICK_S: Final = 0.02


class HostCommand:
    """A running command line of /bin/sh. `stop` must be called to the end."""

    def __init__(self, text: str, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it; its output goes to stderr. Raises HostError where there is no shell to start it."""
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", text],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=2,
                process_group=0,
            )
        except OSError as error:
            raise HostError(f"can't start /bin/sh in {folder}: {error.strerror}") from error

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask its process group to end (SIGTERM), then kill it; returns when nothing of the group is left.

        An interrupt meanwhile kills at once.
        """
        if self._signal(signal.SIGTERM):
            deadline = time.monotonic() + grace_s
            with contextlib.suppress(KeyboardInterrupt):
                while self._signal(0) and time.monotonic() < deadline:
                    time.sleep(_TICK_S)
            self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> bool:
        """Send a signal to the group; whether there still is one. Its leader is reaped, lest it count for ever."""
        self._process.poll()
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # nobody is left, or what changed its user
            return False
        return True
