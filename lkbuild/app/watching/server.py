"""The answering side of a resident process: a socket on which builds are asked for, and each of them until it is answered.

Only this user is listened to, and only one asker at a time: to others nobody answers, and they build by themselves. Does not know how a
build is done (`lkbuild.app.watching.host`), nor what is shown of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final, Self

from lkbuild.app.cancel import Cancel
from lkbuild.base import resident_protocol as protocol
from lkbuild.base.snapshot_format import key_of
from lkbuild.base.values import dataclass

#: How long an asker may take to say what it wants, in seconds.
_PATIENCE_S: Final = 1.0
_TICK_MS: Final = 200
#: struct ucred: pid, uid, gid.
_CREDENTIALS: Final = struct.Struct("3i")
#: The parts of a key that name the version of what runs: format, lkbuild, where it is, Python, machine.
_VERSION: Final = 5


@dataclass(slots=True)
class Request:
    """A build that is asked for. Ends with `answer`, or with `close`: then the asker does it.

    Attributes:
        key: what has to be the same for the same answer: `command`, and the asker's umask.
        command: by `snapshot_format.key_of`.
        arguments, environment, cwd: the asker's.
        connection: to it.
        stderr: the asker's, once `accept`ed.
    """

    key: tuple[Any, ...]
    command: tuple[Any, ...]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path
    connection: socket.socket
    stderr: int = -1
    _done: threading.Event = field(default_factory=threading.Event)

    def accept(self) -> None:
        """Say that it is being done, and take the asker's stderr. Raises OSError or EOFError for one that is gone."""
        self.connection.send(protocol.ACCEPTED)
        self.stderr = protocol.take(self.connection)

    def listen(self, cancel: Cancel) -> None:
        """From now on, an asker that gives up or goes away sets the flag."""
        threading.Thread(target=self._listen, args=(cancel,), name="asker", daemon=True).start()

    def _listen(self, cancel: Cancel) -> None:
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN | select.POLLRDHUP)
        while not self._done.is_set():
            if poll.poll(_TICK_MS) and not self._done.is_set():
                cancel.request()
                return

    def answer(self, code: int, stdout: bytes, stderr: bytes = b"", *, known: bool = False) -> None:
        """Tell what came of it; `known`: without having accepted it."""
        self._done.set()
        with contextlib.suppress(OSError):  # it is gone, and nobody wants to know
            if known:
                self.connection.send(protocol.KNOWN)
            protocol.send(self.connection, (code, stdout, stderr))
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._done.set()
        self.connection.close()
        with contextlib.suppress(OSError):
            os.close(self.stderr)
        self.stderr = -1


class Server:
    """Listens for the builds of one workspace, unless another process does."""

    def __init__(self, cache: Path, root: Path) -> None:
        """Listen. Raises OSError where that is impossible, BlockingIOError where another process does."""
        self._folder = cache / protocol.FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._name = protocol.socket_name(str(root))
        self._socket = socket.socket(socket.AF_UNIX)
        self._lock = os.open(self._folder / f"{self._name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._listen()
        except BaseException:
            self._socket.close()
            os.close(self._lock)
            raise

    def _listen(self) -> None:
        path = self._folder / self._name
        path.unlink(missing_ok=True)  # of one that was killed: whoever lives holds the lock
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._socket.bind(f"/proc/self/fd/{folder}/{self._name}")
        finally:
            os.close(folder)
        self._socket.listen(8)
        self._socket.settimeout(0)

    def fileno(self) -> int:
        """Readable where somebody asks."""
        return self._socket.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()
        (self._folder / self._name).unlink(missing_ok=True)
        os.close(self._lock)

    def next(self) -> Request | None:
        """Who asks, or None where nobody does, or nobody who may."""
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return None
        try:
            connection.settimeout(_PATIENCE_S)
            request = _read(connection)
        except (OSError, EOFError, ValueError, TypeError):
            request = None
        if request is None:
            connection.close()
        return request


def _read(connection: socket.socket) -> Request | None:
    _, user, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user != os.getuid():
        return None
    key, arguments, environment, cwd, mask = protocol.receive(connection)
    if key[:_VERSION] != key_of(arguments, environment, cwd)[:_VERSION] or mask != _mask():
        return None
    return Request((*key, mask), key, tuple(arguments), environment, Path(cwd), connection)


def _mask() -> int:
    """This process's umask, as proc(5) tells it: to ask umask(2) is to change it for a moment, under the feet of other threads."""
    with Path("/proc/self/status").open(encoding="ascii", errors="replace") as status:
        return next((int(line.split()[1], 8) for line in status if line.startswith("Umask:")), -1)
