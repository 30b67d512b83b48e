"""Inputs from the web, from a server on the loopback: fetched once, verified, and not asked for again."""

import hashlib
import http.server
import threading

import pytest

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BODY = b"from the web\n"
SHA256 = hashlib.sha256(BODY).hexdigest()
BUILD = """\
targets:
  web: {{rule: http_file, urls: [{urls}], sha256: '{sha256}'}}
  use: {{rule: genrule, srcs: [":web"], outs: [x], cmd: "tr a-z A-Z < $SRCS > $OUT"}}
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        found = self.path == "/file.txt"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(BODY) if found else 0))
        self.end_headers()
        self.wfile.write(BODY if found else b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def lock(ws, server):
    def write(*paths, sha256=SHA256):
        ws.write("p/BUILD.yaml", BUILD.format(urls=", ".join(server.url + path for path in paths), sha256=sha256))
        return ws

    return write


def test_a_file_is_fetched_once(lock, server):
    ws = lock("/file.txt")
    first = ws.build("//p:use")
    assert first.executed == ["//p:web fetch", "//p:use genrule"]
    assert first.told["fetched_bytes"] == len(BODY)
    assert first.text == "FROM THE WEB\n"
    assert ws.build("//p:use").executed == []
    assert server.asked == ["/file.txt"]


def test_offline_works_after_fetch(lock, server):
    ws = lock("/file.txt")
    assert ws.lkbuild("fetch", "//p:use").returncode == 0
    server.asked.clear()
    offline = ws.build("--offline", "//p:use")
    assert offline.executed == ["//p:use genrule"]
    assert server.asked == []


def test_offline_without_fetch_says_what_is_missing(lock, server):
    (error,) = lock("/file.txt").build("--offline", "//p:use", code=48).errors
    assert (error["class"], error["label"]) == ("FetchError", "//p:web")
    assert SHA256 in error["message"]
    assert server.asked == []


def test_a_wrong_digest_is_an_error_that_names_both_and_the_url(lock, server):
    wrong = "0" * 64
    (error,) = lock("/file.txt", sha256=wrong).build("//p:use", code=48).errors
    assert (error["class"], error["label"]) == ("FetchError", "//p:web")
    for part in (wrong, SHA256, f"{server.url}/file.txt"):
        assert part in error["message"]


def test_the_second_url_is_asked_where_the_first_has_nothing(lock, server):
    assert lock("/gone.txt", "/file.txt").build("//p:use").text == "FROM THE WEB\n"
    assert server.asked == ["/gone.txt", "/file.txt"]


def test_a_file_that_nobody_has_is_an_error_that_names_all_that_were_asked(lock, server):
    report = lock("/gone.txt", "/lost.txt").build("//p:use", code=48)
    for path in ("/gone.txt", "/lost.txt"):
        assert f"{server.url}{path}" in report.stderr


def test_another_url_for_the_same_bytes_executes_nothing(lock, server):
    lock("/file.txt").build("//p:use")
    ws = lock("/moved/file.txt", "/file.txt")
    assert ws.build("//p:use").executed == []
    assert server.asked == ["/file.txt"]


def test_what_one_target_fetched_another_has(lock, server):
    ws = lock("/file.txt")
    ws.build("//p:use")
    ws.write("q/BUILD.yaml", f"targets:\n  web: {{rule: http_file, urls: ['{server.url}/gone'], sha256: {SHA256}, name: other}}\n")
    assert ws.build("//q:web").text == BODY.decode()
    assert server.asked == ["/file.txt"]
