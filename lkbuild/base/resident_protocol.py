"""How `lkbuild build` asks a process that holds the workspace in memory: one message each way through a Unix socket.

The asker sends a marshalled tuple: key, arguments, environment, directory, umask. The answerer says KNOWN, and the answer follows; or
ACCEPTED, takes the asker's stderr as a descriptor (progress goes straight to the terminal) and answers when it is done. Not before:
a descriptor in the queue of a process that hangs would keep a pipe open, whose reader waits for its end. The answer is exit code,
stdout and stderr; the asker writes them, so that nothing is said twice where the answerer dies before. Anything else means: do it
yourself. Only this user's processes meet here. Both sides are of one version: the key says so. Does not know what a build is.

The asker imports `_socket`, of which `socket` is made: the latter brings selectors, enum and signal, a fifth of what asking takes.

A socket is `<cache>/resident/<crc32 of the workspace's root>.sock`. Paths of sockets end after 107 bytes, so both sides name it through
/proc/self/fd.
"""

from __future__ import annotations

import marshal
import os
import sys
from zlib import crc32

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    import _socket
    import socket
    from collections.abc import Iterator
    from typing import Any

FOLDER = "resident"
KNOWN, ACCEPTED = b"=", b"+"
CANCEL = b"c"
#: Longer messages are nobody's.
_LONGEST = 256 << 20


def socket_name(root: str) -> str:
    """The name of a workspace's socket."""
    return f"{crc32(os.fsencode(root)):08x}.sock"


def addresses(folder: int, here: str) -> Iterator[str]:
    """Where a workspace that `here` may lie in would listen, the innermost first, within an opened folder of sockets."""
    names = set(os.listdir(folder))
    while True:
        if socket_name(here) in names:
            yield f"/proc/self/fd/{folder}/{socket_name(here)}"
        above = here.rpartition("/")[0]
        if above == here:
            return
        here = above


def send(connection: _socket.socket, value: Any) -> None:
    """Send a message of plain values."""
    data = marshal.dumps(value)
    connection.sendall(len(data).to_bytes(8, "big") + data)


def receive(connection: _socket.socket) -> Any:
    """A message. Raises EOFError where it does not come, ValueError and TypeError where it is none."""
    size = int.from_bytes(_exactly(connection, 8), "big")
    if size > _LONGEST:
        raise EOFError
    return marshal.loads(_exactly(connection, size))  # noqa: S302 - from a process of the same user


def pass_on(connection: _socket.socket, handle: int) -> None:
    """Send a descriptor."""
    import _socket  # noqa: PLC0415 - not before somebody listens

    # As socket.send_fds does it.
    connection.sendmsg([b"e"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handle.to_bytes(4, sys.byteorder))])


def take(connection: socket.socket) -> int:
    """A descriptor. Raises EOFError where it does not come."""
    import socket  # noqa: PLC0415 - the answerer has it

    _, passed, _, _ = socket.recv_fds(connection, 1, 1)
    if len(passed) != 1:
        raise EOFError
    return passed[0]


def _exactly(connection: _socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
