"""cache/deploy for real, but for the storage: each deployment's own files, real certificates, and every client at everything.

What enforces roles is nginx, with the file that is committed, or Buildbarn, whose frontend's file harness.buildbarn carries out. Behind it
stands a buildbox-casd wherever the deployment's own configuration has a server for a namespace: roles are the same whatever stores.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from harness.buildbarn import Frontend
from harness.cache_service import initialise
from harness.casd import casd
from harness.deployments import DEPLOY, POLICY, read, servers_behind_nginx
from harness.nginx import PATIENCE_S, command, unpack

from lkbuild.model.cache_policy import READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS
from lkbuild.remote import messages
from lkbuild.remote.names import SHA256

pytestmark = pytest.mark.network  # nginx comes from a lock

#: Of the same authority as all, and in no list.
STRANGER = "stranger"
#: What everybody may ask for, an action of it, and the action's result: exit code 7.
STORED, ACTION, RESULT = b"stored\n", b"\x3a\x01x", b"\x20\x07"
CODE = SHA256.number
#: What tells that a client may: it is done, or what it asks for is not there.
MAY = {None, grpc.StatusCode.NOT_FOUND}
#: What tells that it may not; the last by the end of a connection.
MAY_NOT = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}


@dataclass(frozen=True)
class Deployment:
    """One that runs: the address of each port of its policy, and where everybody's certificates are."""

    addresses: Mapping[int, str]
    certificates: Path

    def channel(self, client: str | None, namespace: str) -> grpc.Channel:
        """A client's way to a namespace; None: one without a certificate."""
        (port,) = [served.port for served in POLICY.namespaces if served.name == namespace]
        folder = self.certificates / "clients" / (client or "")
        own = () if client is None else ((folder / "key.pem").read_bytes(), (folder / "certificate.pem").read_bytes())
        credentials = grpc.ssl_channel_credentials((self.certificates / "ca.pem").read_bytes(), *own)
        return grpc.secure_channel(self.addresses[port], credentials, [("grpc.ssl_target_name_override", POLICY.names[0])])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates") / "cache"
    text = (DEPLOY / "serve.yaml").read_text(encoding="utf-8")
    initialise(folder, f"{text}  elsewhere: {{port: 9999, server: 'nowhere:1', clients: {{{STRANGER}: [read-blobs]}}}}\n")
    return folder


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """By namespace the address of a server with a blob, an action and a result."""
    with contextlib.ExitStack() as stack:
        urls = {}
        for served in POLICY.namespaces:
            urls[served.name] = stack.enter_context(casd(tmp_path_factory.mktemp("storage"), f"--local-server-instance={served.name}"))
            with grpc.insecure_channel(urls[served.name]) as channel:
                assert {call(channel, *asked) for asked in (update(served.name, STORED), update(served.name, ACTION))} == {None}
                assert call(channel, *record(served.name)) is None
        yield urls


@contextlib.contextmanager
def behind_nginx(server: str, tree: Path, certificates: Path, storage: Mapping[str, str]) -> Iterator[Deployment]:
    """nginx.conf as it is committed, at sockets in the place of ports and of other containers."""
    with tempfile.TemporaryDirectory(prefix="lkb-") as name:  # short: the path of a socket has 107 bytes
        run = Path(name)
        text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
        addresses = {served.port: f"unix:{run}/{served.port}.sock" for served in POLICY.namespaces}
        moved = {"/etc/lkbuild-cache": str(certificates), "/run/lkbuild-cache": name, "/var/lib/lkbuild-cache": name}
        moved |= {f"listen 0.0.0.0:{port} ssl;": f"listen {address} ssl;" for port, address in addresses.items()}
        moved |= {f"server {address};": f"server {storage[name]};" for address, name in servers_behind_nginx(server).items()}
        for installed, here in moved.items():
            assert installed in text
            text = text.replace(installed, here)
        (run / "nginx.conf").write_text(text, encoding="utf-8")
        # Without a master: workers of root would become nobody.
        process = subprocess.Popen([*command(tree), "-p", run, "-c", run / "nginx.conf", "-g", "master_process off;"])
        try:
            while not (run / "nginx.pid").exists():  # it is written once nginx listens
                assert process.poll() is None
            yield Deployment(addresses, certificates)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@contextlib.contextmanager
def buildbarn(certificates: Path, storage: Mapping[str, str]) -> Iterator[Deployment]:
    frontend = Frontend(read("buildbarn/frontend.jsonnet"), certificates, storage)
    try:
        yield Deployment({port: f"127.0.0.1:{here}" for port, here in frontend.ports.items()}, certificates)
    finally:
        frontend.stop()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return unpack(tmp_path_factory.mktemp("nginx") / "workspace")


@pytest.fixture(scope="module", params=["bazel-remote", "nativelink", "buildbarn"])
def deployment(request, certificates, storage):
    if request.param == "buildbarn":
        running = buildbarn(certificates, storage)
    else:
        running = behind_nginx(request.param, request.getfixturevalue("tree"), certificates, storage)
    with running as made:
        yield made


def call(channel, method, *requests):
    """The status of a call; None: it went well."""
    try:
        list(channel.stream_stream(method)(iter(requests)))
    except grpc.RpcError as error:
        return error.code()
    return None


def update(namespace, data):
    return messages.BATCH_UPDATE, messages.update_request(namespace, [(SHA256.of(data), data, messages.IDENTITY)], CODE)


def record(namespace):
    return messages.UPDATE_RESULT, messages.update_result_request(namespace, SHA256.of(ACTION), RESULT, CODE)


def write(namespace, data):
    resource = messages.write_resource(namespace, "2b0f9d0e-1a53-4d3f-9a64-1d9d3f7f0c11", SHA256.of(data), "", zstd=False)
    return messages.WRITE, messages.write_request(resource, 0, data, finish=True)


def attempts(namespace, client):
    """By right, calls that take it."""
    stored, batched, streamed = SHA256.of(STORED), f"batch of {client}\n".encode(), f"stream of {client}\n".encode()
    resource = messages.read_resource(namespace, stored, "", zstd=False)
    return {
        READ_BLOBS: [
            (messages.BATCH_READ, messages.read_batch_request(namespace, [stored], CODE, zstd=False)),
            (messages.READ, messages.read_request(resource, 0)),
        ],
        WRITE_BLOBS: [update(namespace, batched), write(namespace, streamed)],
        READ_RESULTS: [(messages.GET_RESULT, messages.result_request(namespace, SHA256.of(ACTION), CODE))],
        WRITE_RESULTS: [record(namespace)],
    }


def what_may(deployment, client, namespace):
    """The rights that a client turns out to have; each call that takes one of them must say the same."""
    found = set()
    with deployment.channel(client, namespace) as channel:
        for right, calls in attempts(namespace, client).items():
            statuses = {call(channel, *asked) for asked in calls}
            assert statuses <= MAY or statuses <= MAY_NOT, (right, statuses)
            if statuses <= MAY:
                found.add(right)
    return found


@pytest.mark.parametrize("namespace", [served.name for served in POLICY.namespaces])
@pytest.mark.parametrize("client", [*POLICY.clients(), STRANGER, None])
def test_a_client_may_what_the_policy_says_and_nothing_else(deployment, client, namespace):
    given = next(dict(served.clients) for served in POLICY.namespaces if served.name == namespace)
    assert what_may(deployment, client, namespace) == given.get(client, frozenset())


@pytest.mark.parametrize("namespace", [served.name for served in POLICY.namespaces])
def test_what_a_client_may_not_write_is_not_there(deployment, storage, namespace):
    written = f"what readers wrote to {namespace}\n".encode()
    for client in (*POLICY.clients(), STRANGER):
        with deployment.channel(client, namespace) as channel:
            given = next(dict(served.clients) for served in POLICY.namespaces if served.name == namespace).get(client, frozenset())
            if WRITE_BLOBS not in given:
                assert {call(channel, *asked) for asked in (update(namespace, written), write(namespace, written))} <= MAY_NOT
    with grpc.insecure_channel(storage[namespace]) as channel:
        asked = messages.missing_request(namespace, [SHA256.of(written), SHA256.of(STORED)], CODE)
        assert messages.parse_missing(channel.unary_unary(messages.FIND_MISSING)(asked)) == {SHA256.of(written)}


def test_what_is_of_one_namespace_is_not_to_be_had_in_another(deployment, storage):
    (first, second) = (served.name for served in POLICY.namespaces)
    secret = f"of {first} alone\n".encode()
    with grpc.insecure_channel(storage[first]) as channel:
        assert call(channel, *update(first, secret)) is None
    with deployment.channel("ci", second) as channel:
        asked = messages.missing_request(second, [SHA256.of(secret)], CODE)
        assert messages.parse_missing(channel.unary_unary(messages.FIND_MISSING)(asked)) == {SHA256.of(secret)}
        assert call(channel, messages.FIND_MISSING, messages.missing_request(f"{second}/x", [SHA256.of(secret)], CODE)) is not None
