"""BuildKit of a Docker engine at an address of its own, as `buildkitd` has one: a node of a builder of docker buildx.

An engine speaks BuildKit's protocol too, but behind a request of HTTP (moby, api/server/router/grpc); a builder of several nodes wants it
alone (buildx's driver `remote`). In between is a relay that asks for it and passes on bytes. Does not know what they mean.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

_ASKED = b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
_GRANTED = b"HTTP/1.1 101 "


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Relays each connection to an engine."""

    daemon_threads = True

    def __init__(self, address: str, engine: str) -> None:
        self.engine = engine
        super().__init__(address, _Relay)


class _Relay(socketserver.BaseRequestHandler):
    """One connection."""

    server: _Server

    def handle(self) -> None:
        """Until both sides have ended."""
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.server.engine)
            engine.sendall(_ASKED)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):  # by the byte: what follows is no longer HTTP
                answer += engine.recv(1)
            assert answer.startswith(_GRANTED), answer
            back = threading.Thread(target=_copy, args=(engine, self.request), daemon=True)
            back.start()
            _copy(self.request, engine)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def node(environment: Mapping[str, str]) -> Iterator[str]:
    """The address of an engine's BuildKit. `environment`: what `harness.engine.engine` gives."""
    # Short: the path of a socket has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="lkb-") as folder:
        address = str(Path(folder, "buildkit.sock"))
        with _Server(address, environment["DOCKER_HOST"].removeprefix("unix://")) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield f"unix://{address}"
            finally:
                server.shutdown()
                thread.join()
