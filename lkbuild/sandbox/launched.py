"""One process of lkbuild-launcher from start to end: the quick way into the sandbox.

The program is lkbuild/sandbox/launcher/, in C. It takes bubblewrap's options and makes the same sandbox in half the processor time; it
is there where a C compiler was found when lkbuild was installed. When its process ends, nothing of the sandbox is left, so that only
one process has to be watched. Knows nothing of mounts or of what runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import IO, Final

from lkbuild.sandbox.process import GRACE_S, Ending, readable

#: Where the build hook puts it (launcher/hatch_build.py).
PROGRAM: Final = Path(__file__).parent / "launcher" / "lkbuild-launcher"


def find_launcher() -> Path | None:
    """The program, where it could be compiled."""
    return PROGRAM if os.access(PROGRAM, os.X_OK) else None


class LaunchedChild:
    """A running launcher. `wait` or `stop` must be called to the end, then `end`."""

    __slots__ = ("_ending", "_pidfd", "_process", "_status")

    def __init__(self, process: subprocess.Popen[bytes], status: int) -> None:
        self._process = process
        self._status = status
        self._pidfd = os.pidfd_open(process.pid)
        self._ending: Ending | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long. Returns whether it has ended."""
        return bool(readable((self._pidfd,), timeout_s))

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the command to end (SIGTERM), then kill everything in its namespace."""
        if grace_s > 0:
            self._signal(signal.SIGTERM)
            if self.wait(grace_s):
                return
        self._signal(signal.SIGUSR1)

    def end(self) -> Ending:
        """Reap it. After `wait` said so, or `stop`; again, it is the same answer."""
        if self._ending is None:
            try:
                code = self._process.wait()
                started = bool(os.read(self._status, 64))
            finally:
                os.close(self._pidfd)
                os.close(self._status)
            self._ending = Ending(code if code >= 0 else 128 - code, started)
        return self._ending

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)


def launch(program: Path, options: tuple[str, ...], *, log: IO[bytes], nice: int = 0) -> LaunchedChild:
    """Start a command, its output into `log`. It dies with the calling *thread* (PR_SET_PDEATHSIG), which therefore waits for it.

    `nice`: how far it steps back for others, added to this process's own.

    Raises:
        OSError: the program can't be run.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    own = ["--json-status-fd", str(writer), "--parent", str(os.getpid()), "--nice", str(nice)]
    try:
        process = subprocess.Popen(  # no preexec_fn, so that CPython may vfork (see lkbuild.sandbox.process.start)
            [str(program), *own, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={},
            umask=0o022,
            pass_fds=(writer,),
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return LaunchedChild(process, reader)
