"""A server on the loopback whose answers a test scripts, and a fetcher with a real store."""

import hashlib
import http.server
import threading
from dataclasses import dataclass, field

import pytest

from lkbuild.fetch.fetcher import HttpFetcher, Patience
from lkbuild.fetch.mirrors import Mirrors
from lkbuild.fetch.pip_config import PypiSources
from lkbuild.fetch.transport import Transport, TransportSettings
from lkbuild.store.disk import DiskStore

BODY = bytes(range(256)) * 8192  # 2 MiB


@dataclass
class Answer:
    """What a path answers. A list of these is used up one by one; the last stays.

    `cut`: end the connection after so many bytes of the answer. `stall`: stop sending after so many bytes, without ending it.
    """

    body: bytes = BODY
    status: int = 200
    cut: int | None = None
    stall: int | None = None
    ranges: bool = True
    etag: str | None = '"one"'
    length: bool = True
    headers: dict = field(default_factory=dict)
    wait: threading.Event | None = None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server.scripted
        with server.lock:
            server.requests.append((self.path, dict(self.headers)))
            queue = server.answers.get(self.path, [Answer(status=404, body=b"")])
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
        self.answer(answer)

    def answer(self, answer):
        status, body, start = answer.status, answer.body, 0
        wanted = self.headers.get("Range")
        if status == 200 and wanted and answer.ranges:
            same = self.headers.get("If-Range") in (None, answer.etag)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if same else 0
            if start >= len(answer.body):
                status, body = 416, b""
            elif start:
                status, body = 206, answer.body[start:]
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
        if answer.etag:
            self.send_header("ETag", answer.etag)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if answer.wait:
            answer.wait.wait(30)
        self.send_body(answer, body)

    def send_body(self, answer, body):
        limit = next((value for value in (answer.cut, answer.stall) if value is not None), len(body))
        self.wfile.write(body[:limit])
        self.wfile.flush()
        if answer.stall is not None:
            self.server.scripted.over.wait(30)
        if limit < len(body):
            self.close_connection = True
            self.connection.close()

    def log_message(self, *arguments):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is part of these tests."""


@dataclass
class Scripted:
    url: str
    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)
    httpd: object = None

    def encrypt(self, context):
        """Speak TLS from now on. The handshake is left to the connection's own thread."""
        self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True, do_handshake_on_connect=False)

    def serve(self, path, *answers):
        self.answers[path] = list(answers) or [Answer()]
        return self.url + path

    def ranges(self, path=None):
        return [headers.get("Range") for asked, headers in self.requests if path in (None, asked)]


@pytest.fixture
def server():
    httpd = _Server(("127.0.0.1", 0), _Handler)
    httpd.scripted = Scripted(f"http://127.0.0.1:{httpd.server_address[1]}")
    httpd.scripted.httpd = httpd
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield httpd.scripted
    httpd.scripted.over.set()
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def store(tmp_path):
    with DiskStore.open(tmp_path / "store") as opened:
        yield opened.blobs


@dataclass
class Bench:
    """Makes fetchers, as one process after the other would, over one store and one folder of partials."""

    store: object
    partials: object
    slept: list = field(default_factory=list)

    def fetcher(self, *, offline=False, quiet_s=5.0, attempts=4, deb=(), snapshot=(), pypi=None, **settings):
        mirrors = Mirrors(deb=tuple(deb), snapshot=tuple(snapshot), pypi=pypi or PypiSources(indexes=()))
        patience = Patience(attempts=attempts, sleep=self.slept.append)
        transport = Transport(TransportSettings(quiet_s=quiet_s, **settings))
        return HttpFetcher(self.store, mirrors, transport, self.partials, offline=offline, patience=patience)

    def fetch(self, *sources, body=BODY, size=-1, progress=lambda done, total: None, **settings):
        wanted = hashlib.sha256(body).hexdigest()
        return self.fetcher(**settings).fetch(sources, wanted, len(body) if size == -1 else size, progress)

    def left(self):
        return sorted(path.name for path in self.partials.glob("*"))


@pytest.fixture
def bench(store, tmp_path):
    return Bench(store, tmp_path / "partials")


@pytest.fixture
def answer():
    return Answer


@pytest.fixture
def body():
    return BODY
