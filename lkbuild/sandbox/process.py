"""One bubblewrap process from start to end: its status, its limits, and that nothing of it is left.

bubblewrap forks an init for the pid namespace and reports that pid, then the command's exit code, as JSON on a pipe
(`--json-status-fd`): without an exit code the command was never started. When the init is dead, so is everything in its
namespace (pid_namespaces(7)), and its pidfd becomes readable only after all of it was reaped (zap_pid_ns_processes). Knows
nothing of mounts or of what runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, TypeAlias

from lkbuild.base.values import dataclass
from lkbuild.sandbox import seccomp

#: What subprocess takes as a standard stream.
Stream: TypeAlias = "int | IO[bytes] | None"
#: A standard stream that is empty.
NOTHING: Final = subprocess.DEVNULL
#: How long a command may take to end after SIGTERM, in seconds.
GRACE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How bubblewrap ended: its own exit status (128 + n for signal n), and whether the command was started at all."""

    exit_code: int
    started: bool


class Child:
    """A running bubblewrap. Made by `start`; `wait` or `stop` must be called to the end."""

    __slots__ = ("_bwrap", "_bwrap_pidfd", "_ending", "_exit_seen", "_init", "_init_pidfd", "_nice", "_status", "_text", "process")

    def __init__(self, process: subprocess.Popen[bytes], status: int, nice: int) -> None:
        self.process = process
        self._nice = nice
        self._bwrap = process.pid
        self._bwrap_pidfd = os.pidfd_open(process.pid)
        self._status = status
        self._text = b""
        self._init: int | None = None
        self._init_pidfd: int | None = None
        self._exit_seen = False
        self._ending: Ending | None = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end, at most so long. Returns whether it has ended."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            ready = readable((self._bwrap_pidfd, self._status), left)
            if self._status in ready:
                self._read_status()
            if self._bwrap_pidfd in ready:
                return True
        return False

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask the command to end (SIGTERM), then kill everything in its namespace."""
        if grace_s > 0:
            for pid in self._commands():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if self.wait(grace_s):
                return
        if self._init_pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._bwrap_pidfd, signal.SIGKILL)

    def end(self) -> Ending:
        """Reap it and wait until its namespace is empty. After `wait` said so, or `stop`; again, it is the same answer."""
        if self._ending is not None:
            return self._ending
        try:
            code = self.process.wait()
            if self._status >= 0:
                self._read_status()
            if self._init_pidfd is not None:
                readable((self._init_pidfd,), None)
        finally:
            for handle in (self._bwrap_pidfd, self._init_pidfd, self._status):
                if handle is not None and handle >= 0:
                    os.close(handle)
            self._status = -1
        self._ending = Ending(code if code >= 0 else 128 - code, self._exit_seen)
        return self._ending

    def _read_status(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._status, 4096):
                self._text += data
            os.close(self._status)  # end of file: no more to come
            self._status = -1
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            event = json.loads(line)
            if "child-pid" in event:
                self._watch_init(event["child-pid"], event.get("pid-namespace"))
            self._exit_seen = self._exit_seen or "exit-code" in event

    def _watch_init(self, pid: int, namespace: int | None) -> None:
        """Hold the namespace's init by pidfd, unless its number was already taken by another process."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            same = namespace is None or os.stat(f"/proc/{pid}/ns/pid").st_ino == namespace  # noqa: PTH116 - a magic link
        except OSError:
            same = False  # dead and not yet reaped: its namespace is empty already
        if same:
            self._init, self._init_pidfd = pid, handle
            self._step_back()
        else:
            os.close(handle)

    def _step_back(self) -> None:
        """Where bubblewrap forked before it was told its niceness: tell what it has forked. What those fork has it from them."""
        if self._init is None or not self._nice:
            return
        with contextlib.suppress(OSError):
            if os.getpriority(os.PRIO_PROCESS, self._init) == os.getpriority(os.PRIO_PROCESS, self._bwrap):
                return
            for pid in (self._init, *self._commands()):
                os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, self._bwrap))

    def _commands(self) -> list[int]:
        """The children of the namespace's init: the command, and what was orphaned to it."""
        if self._init is None:
            return []
        try:
            text = Path(f"/proc/{self._init}/task/{self._init}/children").read_text(encoding="ascii")
        except OSError:
            return []
        return [int(word) for word in text.split()]


def wait_for_any(children: Sequence[Child]) -> Child:
    """Wait until one of several has ended; which one that is."""
    by_handle = {child._bwrap_pidfd: child for child in children}  # noqa: SLF001 - of this module
    return by_handle[readable(tuple(by_handle), None)[0]]


def readable(handles: tuple[int, ...], timeout_s: float | None) -> list[int]:
    """Those that can be read or are at their end; negative ones are left out. poll(2): select(2) ends at descriptor 1023."""
    poll = select.poll()
    for handle in handles:
        if handle >= 0:
            poll.register(handle, select.POLLIN)
    return [handle for handle, _ in poll.poll(None if timeout_s is None else max(1, round(timeout_s * 1000)))]


def start(bwrap: Path, options: tuple[str, ...], *, stdin: Stream, stdout: Stream, stderr: Stream, nice: int = 0) -> Child:
    """Start bubblewrap, which refuses the calls of seccomp.py. It dies with the calling *thread* (PR_SET_PDEATHSIG), which therefore waits.

    `nice`: how far it steps back for others, added to this process's own (setpriority(2)).

    Raises:
        OSError: the binary can't be run.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        with seccomp.opened() as refused:
            # No preexec_fn, so that CPython may vfork: a fork of a 600 MB process takes 15 ms (reference/build-systems.md 5.2).
            # Descriptors are closed: one that leaked would be open inside the sandbox.
            process = subprocess.Popen(
                [str(bwrap), "--json-status-fd", str(writer), "--seccomp", str(refused), *options],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={},
                umask=0o022,
                pass_fds=(writer, refused),
            )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    if nice:
        # Mostly it has not forked yet: it needs a millisecond to read its options. Where it has, see Child._step_back.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + nice)
    return Child(process, reader, nice)
