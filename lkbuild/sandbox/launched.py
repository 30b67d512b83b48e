"""Commands by lkbuild-launcher: the quick way into the sandbox.

The program is lkbuild/sandbox/launcher/, in C. It takes bubblewrap's options and makes the same sandbox in a third of the processor
time; it is there where a C compiler was found when lkbuild was installed. Each thread that runs commands has one, which waits for what
to start next: starting it anew would cost more than all that it does. Knows nothing of mounts or of what runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import IO, Final

from lkbuild.sandbox import seccomp
from lkbuild.sandbox.process import GRACE_S, Ending

#: Where the build hook puts it (hatch_build.py).
PROGRAM: Final = Path(__file__).parent / "launcher" / "lkbuild-launcher"
_REQUEST: Final = struct.Struct("=II")  # bytes and words that follow; main.c: struct request
_REPLY: Final = struct.Struct("=ii")  # whether the command was started, its exit code; main.c: struct reply
_SERVES: Final = b"\0"
#: What is answered for a launcher that was killed.
_KILLED: Final = Ending(128 + signal.SIGKILL, started=False)


def find_launcher() -> Path | None:
    """The program, where it could be compiled."""
    return PROGRAM if os.access(PROGRAM, os.X_OK) else None


class Launcher:
    """A program that waits for what to start, one command at a time. It ends with this process, or with `close`.

    Raises:
        OSError: it can't be run.
    """

    def __init__(self, program: Path) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket, theirs = socket.socketpair()
        with theirs, seccomp.opened() as refused:
            argv = [str(program), "--seccomp", str(refused), "--serve", str(theirs.fileno())]
            # Descriptors are closed: one that leaked would be open in a launcher. No preexec_fn, so that CPython may vfork.
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                umask=0o022,
                pass_fds=(theirs.fileno(), refused),
            )
        # One that another lkbuild was installed with, or that is not allowed to refuse calls, ends here, before it has begun anything.
        if self._socket.recv(1) != _SERVES:
            self.close()
            raise OSError(errno.EPROTO, "it ended before it served", str(program))
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        #: Whether it was told something that it may not have read: its command can have ended at that moment.
        self.told = False

    def ask(self, options: tuple[str, ...], log: IO[bytes]) -> None:
        """Start a command, its output into `log`. Raises OSError where the program is gone, ValueError for a word with a zero byte."""
        text = os.fsencode("\0".join((*options, "")))  # a hundred words: one by one they cost as much as the rest of a start here
        if text.count(b"\0") != len(options):  # one in a word would begin another one: an option, and a way out of the sandbox
            msg = "embedded null byte"  # as subprocess has it
            raise ValueError(msg)
        head = _REQUEST.pack(len(text), len(options))
        socket.send_fds(self._socket, [head], [log.fileno()])
        self._socket.sendall(text)

    def wait(self, timeout_s: float | None) -> bool:
        """Whether the command, or the program, has ended within that time."""
        return bool(self._poll.poll(None if timeout_s is None else max(1, round(timeout_s * 1000))))

    def tell(self, letter: bytes) -> None:
        """T: ask the command to end; K: end everything in its namespace."""
        self.told = True
        with contextlib.suppress(OSError):
            self._socket.sendall(letter)

    def answer(self) -> Ending | None:
        """How the command ended; None where the program itself did."""
        answer = b""
        with contextlib.suppress(OSError):
            while len(answer) < _REPLY.size and (more := self._socket.recv(_REPLY.size - len(answer))):
                answer += more
        if len(answer) < _REPLY.size:
            return None
        started, code = _REPLY.unpack(answer)
        return Ending(code, bool(started))

    def close(self) -> None:
        """End it, and all that it runs. Returns when it has ended."""
        self._socket.close()
        if self._process:
            self._process.wait()

    def __del__(self) -> None:
        """With its thread: the program sees the end of the connection, and is reaped."""
        with contextlib.suppress(AttributeError):  # there was no descriptor left for a connection
            self.close()


class _OfThread(threading.local):
    """The launchers of a thread that are free, by program."""

    def __init__(self) -> None:
        self.free: dict[Path, Launcher] = {}


_MINE: Final = _OfThread()


class LaunchedChild:
    """A running command. `wait` or `stop` must be called to the end, then `end`; all in the thread that started it."""

    __slots__ = ("_ending", "_launcher", "_program")

    def __init__(self, program: Path, launcher: Launcher) -> None:
        self._program = program
        self._launcher = launcher
        self._ending: Ending | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long. Returns whether it has ended."""
        return self._launcher.wait(timeout_s)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the command to end (SIGTERM), then kill everything in its namespace."""
        if grace_s > 0:
            self._launcher.tell(b"T")
            if self._launcher.wait(grace_s):
                return
        self._launcher.tell(b"K")

    def end(self) -> Ending:
        """How it ended; nothing of it is left then. After `wait` said so, or `stop`; again, it is the same answer."""
        if self._ending is None:
            found = self._launcher.answer()
            self._ending = found or _KILLED
            if found is None or self._launcher.told:  # what it has not read would be the beginning of its next request
                self._launcher.close()
            else:
                _MINE.free[self._program] = self._launcher
        return self._ending


def launch(program: Path, options: tuple[str, ...], *, log: IO[bytes], nice: int = 0) -> LaunchedChild:
    """Start a command, its output into `log`. It ends with this process, however that ends.

    `nice`: how far it steps back for others, added to this process's own (setpriority(2)).

    Raises:
        OSError: the program can't be run.
        ValueError: a word has a zero byte.
    """
    launcher = _MINE.free.pop(program, None) or Launcher(program)
    try:
        launcher.ask((*(("--nice", str(nice)) if nice else ()), *options), log)
    except OSError:  # it was killed since its last command: what it was sent was never begun
        launcher.close()
        launcher = Launcher(program)
        launcher.ask((*(("--nice", str(nice)) if nice else ()), *options), log)
    return LaunchedChild(program, launcher)
