"""cache/deploy: three servers, one policy. They do not run here: what can be compared without them is; what enforces roles: test_roles.

Files parse, hold only fields that the server's own sources have (the schemas say which), and agree: ports, namespaces, who may do what.
"""

from __future__ import annotations

import json
import re
import subprocess
from itertools import product

import jmespath
import pytest
import yaml
from harness.cache_service import initialise
from harness.deployments import DEPLOY, POLICY, compose, read
from harness.nginx import command, unpack
from harness.workspace import REPOSITORY
from jsonschema import Draft202012Validator

from lkbuild.app.service.nginx import INSTALLED, Places, nginx_configuration
from lkbuild.model.cache_policy import READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS

FILES = {
    "bazel-remote": ["bazel-remote/main.yaml", "bazel-remote/partner-arm.yaml"],
    "buildbarn": ["buildbarn/frontend.jsonnet", "buildbarn/storage.jsonnet"],
    "nativelink": ["nativelink/nativelink.json5"],
}


@pytest.mark.parametrize(("server", "path"), [(server, path) for server, paths in FILES.items() for path in paths])
def test_a_configuration_has_no_field_that_the_server_does_not(server, path):
    schema = yaml.safe_load((REPOSITORY / f"tests/conformance/deploy/{server}.schema.yaml").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(read(path))] == []


@pytest.mark.parametrize("server", FILES)
def test_an_image_is_named_by_a_digest_that_the_user_gives(server):
    for service in compose(server).values():
        assert re.fullmatch(r"\$\{[A-Z_]+_IMAGE:\?[a-z0-9./-]+@sha256:DIGEST[^}]*\}", service["image"])


@pytest.mark.parametrize("server", FILES)
def test_the_ports_are_those_of_the_policy(server):
    published = [port for service in compose(server).values() for port in service.get("ports", ())]
    assert sorted(published) == sorted(f"{served.port}:{served.port}" for served in POLICY.namespaces)


@pytest.mark.parametrize("server", FILES)
def test_every_file_that_is_mounted_is_there(server):
    sources = [volume.partition(":")[0] for service in compose(server).values() for volume in service["volumes"]]
    local = [source for source in sources if source.startswith(".")]
    assert local
    assert all((DEPLOY / server / source).is_file() for source in local)


def test_nginx_is_configured_by_the_policy():
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert text == nginx_configuration(POLICY, INSTALLED), "lkbuild cache serve cache/deploy --dry-run > cache/deploy/nginx.conf"


@pytest.mark.network
def test_nginx_takes_its_configuration(tmp_path):
    folder = tmp_path / "cache"
    initialise(folder, (DEPLOY / "serve.yaml").read_text(encoding="utf-8"))
    (tmp_path / "run").mkdir()
    places = Places(certificates=str(folder), run=str(tmp_path / "run"), data=str(tmp_path / "run"))
    # Its own name resolution, in the place of compose's.
    text = re.sub(r"server (?:main|partner-arm):", "server 127.0.0.1:", nginx_configuration(POLICY, places))
    file = tmp_path / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [*command(unpack(tmp_path / "tree")), "-t", "-p", tmp_path, "-c", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def bazel_remote_ports():
    return {name: read(f"bazel-remote/{name}.yaml")["grpc_address"].partition(":")[2] for name in ("main", "partner-arm")}


def test_behind_nginx_each_namespace_has_a_bazel_remote_where_nginx_looks_for_it():
    servers = {served.server for served in POLICY.namespaces}
    assert servers == {f"{name}:{port}" for name, port in bazel_remote_ports().items()}
    mounted = {name: service["volumes"][0] for name, service in compose("bazel-remote").items() if name != "nginx"}
    assert mounted == {name: f"./{name}.yaml:/etc/bazel-remote.yaml:ro" for name in bazel_remote_ports()}


def test_behind_nginx_nativelink_has_a_listener_for_each_namespace_and_stores_of_its_own():
    found = read("nativelink/nativelink.json5")
    aliases = compose("nativelink")["nativelink"]["networks"]["default"]["aliases"]
    by_port = {server["listener"]["http"]["socket_address"].rpartition(":")[2]: server["services"] for server in found["servers"]}
    used = []
    for served in POLICY.namespaces:
        host, _, port = served.server.partition(":")
        services = by_port.pop(port)
        assert host in aliases
        assert [item["instance_name"] for kind in ("cas", "ac", "capabilities") for item in services[kind]] == [served.name] * 3
        assert services["bytestream"]["cas_stores"] == {served.name: services["cas"][0]["cas_store"]}
        used += [services["cas"][0]["cas_store"], services["ac"][0]["ac_store"]]
    assert by_port == {}
    assert sorted(used) == sorted(store["name"] for store in found["stores"])
    paths = re.findall(r'"(?:content|temp)_path": "([^"]+)"', json.dumps(found))
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("storage", "authorizer", "rights"),
    [
        ("contentAddressableStorage", "getAuthorizer", {READ_BLOBS}),
        ("contentAddressableStorage", "putAuthorizer", {WRITE_BLOBS}),
        ("contentAddressableStorage", "findMissingAuthorizer", {READ_BLOBS, WRITE_BLOBS}),
        ("actionCache", "getAuthorizer", {READ_RESULTS}),
        ("actionCache", "putAuthorizer", {WRITE_RESULTS}),
    ],
)
def test_buildbarn_lets_do_what_the_policy_says_and_nothing_else(storage, authorizer, rights):
    frontend = read("buildbarn/frontend.jsonnet")
    certificate = frontend["grpcServers"][0]["authenticationPolicy"]["tlsClientCertificate"]
    expression = frontend[storage][authorizer]["jmespathExpression"]["expression"]
    names = [served.name for served in POLICY.namespaces]
    for client, instance in product([*POLICY.clients(), "stranger"], [*names, "", "main/x"]):
        presented = {"dnsNames": [], "emailAddresses": [], "uris": [f"urn:lkbuild:client:{client}"]}
        assert jmespath.search(certificate["validationJmespathExpression"]["expression"], presented) is True
        metadata = jmespath.search(certificate["metadataExtractionJmespathExpression"]["expression"], presented)
        told = jmespath.search(expression, {"authenticationMetadata": metadata, "files": {}, "instanceName": instance})
        given = {served.name: dict(served.clients).get(client, frozenset()) for served in POLICY.namespaces}.get(instance, frozenset())
        assert told is bool(given & rights), (client, instance)


def test_buildbarn_takes_no_certificate_without_a_client_in_it_and_runs_nothing():
    frontend = read("buildbarn/frontend.jsonnet")
    certificate = frontend["grpcServers"][0]["authenticationPolicy"]["tlsClientCertificate"]
    presented = {"dnsNames": ["cache.example.com"], "emailAddresses": [], "uris": []}
    assert jmespath.search(certificate["validationJmespathExpression"]["expression"], presented) is False
    assert frontend["executeAuthorizer"] == {"deny": {}}


def test_buildbarn_keeps_each_namespace_on_nodes_of_its_own_that_are_there():
    frontend = read("buildbarn/frontend.jsonnet")
    backends = frontend["contentAddressableStorage"]["backend"]["demultiplexing"]["instanceNamePrefixes"]
    assert frontend["actionCache"]["backend"]["completenessChecking"]["backend"]["demultiplexing"]["instanceNamePrefixes"] == backends
    assert list(backends) == [served.name for served in POLICY.namespaces]
    nodes = [re.findall(r'"address": "([^"]+)"', json.dumps(backend)) for backend in backends.values()]
    assert sorted(node for several in nodes for node in several) == sorted(
        f"{name}{read('buildbarn/storage.jsonnet')['grpcServers'][0]['listenAddresses'][0]}"
        for name in compose("buildbarn")
        if name.startswith("storage-")
    )
    assert frontend["grpcServers"][0]["listenAddresses"] == [f":{served.port}" for served in POLICY.namespaces]
