"""References and credentials as text; a registry that wants a token and sends uploads elsewhere."""

import base64
import http.server
import json
import threading
from contextlib import contextmanager

import pytest

from lkbuild.base.errors import RegistryError, UsageError
from lkbuild.fetch.registry import Reference, Registry, credentials_of
from lkbuild.fetch.transport import Transport, TransportSettings


def docker(**told):
    return json.dumps(told)


SECRET = base64.b64encode(b"user:pass").decode()


def nobody(_helper, _server):
    return b""


@pytest.mark.parametrize(
    ("text", "base", "tag"),
    [
        ("registry.example/team/app:1.0", "https://registry.example/v2/team/app", "1.0"),
        ("registry.example:5000/app", "https://registry.example:5000/v2/app", "latest"),
        ("localhost/app", "http://localhost/v2/app", "latest"),
        ("127.0.0.1:5000/a/b__c/d-e", "http://127.0.0.1:5000/v2/a/b__c/d-e", "latest"),
        ("docker.io/library/app", "https://registry-1.docker.io/v2/library/app", "latest"),
    ],
)
def test_a_reference_names_a_registry_a_repository_and_a_tag(text, base, tag):
    reference = Reference.parse(text)
    assert (reference.base, reference.tag) == (base, tag)


@pytest.mark.parametrize(
    "text", ["app", "team/app:1", "a.example/App", "a.example/", "a.example/x:", "a.example/x@sha256:00", "/x", "a.b/../x"]
)
def test_text_that_is_no_reference_is_refused(text):
    with pytest.raises(UsageError):
        Reference.parse(text)


def test_credentials_stand_under_the_registrys_name_and_dockers_own_under_a_url():
    config = docker(auths={"a.example": {"auth": SECRET}, "https://index.docker.io/v1/": {"auth": SECRET}})
    assert credentials_of(config, "a.example", "f", nobody) == credentials_of(config, "docker.io", "f", nobody) == "user:pass"
    assert credentials_of(config, "b.example", "f", nobody) is None
    assert credentials_of("", "a.example", "f", nobody) is None


@pytest.mark.parametrize(
    ("host", "asked"),
    [("a.example", ("pass", "a.example")), ("docker.io", ("desktop", "https://index.docker.io/v1/")), ("b.example", None)],
)
def test_the_helper_that_keeps_the_credentials_is_asked_as_docker_asks_it(host, asked):
    config = docker(auths={"https://index.docker.io/v1/": {}}, credsStore="desktop", credHelpers={"a.example": "pass"})
    questions = []

    def ask(*question):
        questions.append(question)
        return b'{"ServerURL": "x", "Username": "user", "Secret": "pass"}'

    assert credentials_of(config, host, "f", ask) == ("user:pass" if asked else None)
    assert questions == ([asked] if asked else [])


def test_a_helper_that_has_nothing_is_no_error():
    assert credentials_of(docker(credHelpers={"a.example": "pass"}), "a.example", "f", nobody) is None


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        docker(auths={"a.example": {"auth": "no base64"}}),
        docker(credHelpers={"a.example": "garbled"}),
        docker(credHelpers={"a.example": "token"}),
    ],
)
def test_credentials_that_can_not_be_had_are_an_error_and_not_an_anonymous_push(config):
    with pytest.raises(UsageError):
        credentials_of(
            config, "a.example", "f", lambda helper, _: b"{" if helper == "garbled" else b'{"Username": "<token>", "Secret": "x"}'
        )


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by (method, path): a function of the request gives status, headers, body."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization"), body))
        status, headers, data = self.server.rules(self)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815 - http.server finds them by these names

    def log_message(self, *_):
        pass


@contextmanager
def serving(rules):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.rules, server.seen, server.host = rules, [], f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wanting_tokens(elsewhere):
    def rules(request):
        host = request.server.host
        if request.path.startswith("/token"):
            return (200, {}, b'{"token": "t"}') if request.headers.get("Authorization") == f"Basic {SECRET}" else (401, {}, b"")
        if request.headers.get("Authorization") != "Bearer t":
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{host}/token",service="s"'}, b""
        return 202, {"Location": f"http://{elsewhere}/store?key=1"}, b""

    return rules


def registry(host, credentials="user:pass"):
    return Registry(Transport(TransportSettings()), Reference.parse(f"{host}/app"), credentials)


def test_a_token_is_got_once_and_is_not_told_to_the_machine_that_stores_the_bytes():
    with serving(lambda request: (201, {}, b"")) as storage, serving(wanting_tokens(storage.host)) as server:
        client = registry(server.host)
        for sha256 in ("00", "11"):
            client.put_blob(sha256, 3, lambda: iter([b"a", b"bc"]))
        assert [(method, path.partition("?")[0]) for method, path, _, _ in server.seen] == [
            ("POST", "/v2/app/blobs/uploads/"),
            ("GET", "/token"),
            ("POST", "/v2/app/blobs/uploads/"),
            ("POST", "/v2/app/blobs/uploads/"),
        ]
        assert "scope=repository%3Aapp%3Apull%2Cpush" in server.seen[1][1]
        assert [(path, authorization, body) for _, path, authorization, body in storage.seen] == [
            ("/store?key=1&digest=sha256%3A00", None, b"abc"),
            ("/store?key=1&digest=sha256%3A11", None, b"abc"),
        ]


def test_a_machine_that_stores_the_bytes_gets_no_credentials_by_asking_for_them():
    asking = {"WWW-Authenticate": 'Basic realm="more"'}
    with serving(lambda request: (401, asking, b"")) as storage, serving(wanting_tokens(storage.host)) as server:
        with pytest.raises(RegistryError):
            registry(server.host).put_blob("00", 1, lambda: iter([b"a"]))
        assert [authorization for _, _, authorization, _ in storage.seen] == [None]


@pytest.mark.parametrize(("status", "there"), [(200, True), (307, True), (404, False)])
def test_what_a_registry_sends_elsewhere_for_it_has(status, there):
    with serving(lambda request: (status, {"Location": "https://storage.example/x"} if status == 307 else {}, b"")) as server:
        assert registry(server.host).has_blob("00") is there


@pytest.mark.parametrize("credentials", [None, "user:wrong"])
def test_a_registry_that_gives_no_token_refuses(credentials):
    with serving(wanting_tokens("nowhere")) as server, pytest.raises(RegistryError) as caught:
        registry(server.host, credentials).has_blob("00")
    assert caught.value.hint


def test_what_a_registry_says_is_told():
    told = json.dumps({"errors": [{"code": "DENIED", "message": "quota exceeded"}]}).encode()
    with serving(lambda request: (403, {}, told)) as server, pytest.raises(RegistryError) as caught:
        registry(server.host).put_manifest("latest", "application/x", b"{}")
    assert "DENIED: quota exceeded" in caught.value.detail
