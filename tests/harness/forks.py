"""Starts `lkbuild` as a fork of a process that has imported it already: of the 0.27 s that a small build takes, imports are 0.18.

Each command is a process of its own all the same, with the arguments, folder, environment and pipes that it is given, and is over as any
other; but modules that every build imports are there before it begins. Two such processes take turns, so that no two commands in a row
have the same order of sets. What a start itself does is not seen here: tests of it, and whatever is started in the background, run the
file that a user runs.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import itertools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: What every build imports. Verbs are not among it: what one of them has forgotten to import is missing here, too.
IMPORTED = (
    *("lkbuild.cli.guard", "lkbuild.cli.verbs", "lkbuild.app.build", "lkbuild.app.snapshot", "lkbuild.app.recording", "yaml"),
    *("lkbuild.syntax.parser", "lkbuild.execution.build", "lkbuild.store.disk", "lkbuild.sandbox.bubblewrap", "lkbuild.app.selection"),
)
#: Python reads these when it starts: whoever gives them others needs a start.
_OF_PYTHON = ("PYTHON", "LC_", "LANG")
_LONGEST = 1 << 17


# --- the processes that are forked ----------------------------------------------------------------------------------------


def serve(channel: socket.socket) -> list[str]:
    """Fork for each request until nobody can send one any more; returns in the forks, with their arguments."""
    waiting = selectors.DefaultSelector()
    waiting.register(channel, selectors.EVENT_READ)
    while True:
        for ready, _ in waiting.select():
            if ready.data:
                waiting.unregister(ready.fileobj)
                _tell(*ready.data)
                continue
            request, files, _, _ = socket.recv_fds(channel, _LONGEST, 4, socket.MSG_CMSG_CLOEXEC)
            if not request:
                os._exit(0)
            if (pid := os.fork()) == 0:
                waiting.close()
                channel.close()
                return _become(json.loads(request), files)
            for file in files[:3]:
                os.close(file)
            asker = socket.socket(fileno=files[3])
            asker.sendall(f"{pid}\n".encode())
            watched = os.pidfd_open(pid)
            waiting.register(watched, selectors.EVENT_READ, (pid, watched, asker))


def _tell(pid: int, watched: int, asker: socket.socket) -> None:
    """Say how a fork has ended to who asked for it."""
    os.close(watched)
    _, status = os.waitpid(pid, 0)
    with asker, contextlib.suppress(BrokenPipeError):
        asker.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(request: Mapping[str, Any], files: Sequence[int]) -> list[str]:
    """Be what the request says: its environment, folder and standard files."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["cwd"])
    return list(request["arguments"])


# --- the tests ------------------------------------------------------------------------------------------------------------


#: The tests' own, before any of them changes it.
_ENVIRONMENT = dict(os.environ)


@dataclass(slots=True)
class Forker:
    """A process that forks, started when it is first needed; it ends with that of the tests."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    channel: socket.socket | None = None

    def run(self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}).encode()
        assert len(request) < _LONGEST
        said = ["", ""]
        pipes = [os.pipe(), os.pipe()]
        readers = [threading.Thread(target=_read, args=(pipe[0], said, place)) for place, pipe in enumerate(pipes)]
        mine, theirs = socket.socketpair()
        with Path(os.devnull).open("rb") as nothing, theirs:
            self._send(request, [nothing.fileno(), pipes[0][1], pipes[1][1], theirs.fileno()])
        for reader, pipe in zip(readers, pipes, strict=True):
            os.close(pipe[1])
            reader.start()
        with mine, mine.makefile() as answers:
            pid = int(answers.readline())
            try:
                code = int(answers.readline())
            except BaseException:  # as pytest-timeout ends a test
                os.kill(pid, signal.SIGKILL)
                raise
            finally:
                for reader in readers:
                    reader.join()
        return subprocess.CompletedProcess(["lkbuild", *arguments], code, *said)

    def _send(self, request: bytes, files: Sequence[int]) -> None:
        with self.turn:
            if self.channel is None:
                self._start()
            assert self.channel is not None
            socket.send_fds(self.channel, [request], files)

    def _start(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
        with theirs:
            # Pipes, as the forks have them: Python asks when it starts what can be done with a file. And in a session of its own: what
            # a terminal interrupts are the tests, and they end what they wait for.
            self.process = subprocess.Popen(
                words,
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self._end)

    def _end(self) -> None:
        assert self.channel is not None
        assert self.process is not None
        self.channel.close()
        self.process.communicate()


def _read(file: int, said: list[str], place: int) -> None:
    with open(file, encoding="utf-8") as text:
        said[place] = text.read()


_IN_TURN = itertools.cycle((Forker(), Forker()))


def run(arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str] | None:
    """Run `lkbuild` to its end, or None: with that environment it needs a start."""
    return next(_IN_TURN).run(arguments, cwd, environment) if _read_at_start(environment) == _read_at_start(_ENVIRONMENT) else None


def _read_at_start(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_OF_PYTHON)}


if __name__ == "__main__":
    del sys.path[0]  # a script's folder, which is not on the path of the command
    for name in IMPORTED:
        importlib.import_module(name)
    from lkbuild.cli.main import console_script

    sys.argv = ["lkbuild", *serve(socket.socket(fileno=int(sys.argv[1])))]
    sys.exit(console_script())
