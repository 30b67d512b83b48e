"""A server of Bazel's HTTP cache protocol in this process: GET, HEAD and PUT of files in memory, as a plain web server has them."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HttpCache:
    """The server, its files and what it was asked. `refuse`: methods that are answered by 403. `broken`: all are answered by 503."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.refuse: set[str] = set()
        self.broken = False
        cache = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self) -> None:
                if self._entered():
                    data = cache.files.get(self.path)
                    self._answer(404 if data is None else 200, data or b"")

            do_HEAD = do_GET  # noqa: N815 - http.server's name

            def do_PUT(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if self._entered():
                    cache.files[self.path] = data
                    self._answer(201)

            def _entered(self) -> bool:
                cache.calls[self.command] += 1
                cache.headers.append(dict(self.headers))
                if cache.broken or self.command in cache.refuse:
                    self._answer(503 if cache.broken else 403)
                    return False
                return True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/cache"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
