"""`lkbuild cache serve`: what a team and its partners may do at a cache, with real servers, real certificates and real builds."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from harness.cache_service import ALL, READ, environment, free_ports, initialise, policy, serving
from harness.casd import casd
from harness.nginx import nginx, unpack
from harness.workspace import LKBUILD, PATIENCE_S

from lkbuild.remote import messages

pytestmark = pytest.mark.network  # the shell of genrules and nginx come from locks

CHAIN = """\
targets:
  upper: {rule: genrule, srcs: [word.txt], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}
  both: {rule: genrule, srcs: [":upper", other.txt], outs: [both], cmd: cat $SRCS > $OUT}
"""
TOP = "//p:both"
CLIENTS = {"ci": ALL, "partner": READ}
#: Both protocols behind one nginx, and a namespace that is others' business.
NAMESPACES = {"main": "grpc", "files": "http", "others": "grpc"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "cache"
    ports = dict(zip(NAMESPACES, free_ports(len(NAMESPACES)), strict=True))
    clients = {"main": CLIENTS, "files": CLIENTS, "others": {"ci": READ, "stranger": ALL}}
    initialise(folder, policy({name: (ports[name], protocol, clients[name]) for name, protocol in NAMESPACES.items()}))
    with serving(folder) as running:
        yield running


@pytest.fixture
def chain(ws, tmp_path):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/word.txt", f"word of {tmp_path}\n")  # the module's server keeps what each test builds
    ws.write("p/other.txt", "other\n")
    return ws


def joined(service, workspace, client, namespace, rights=None):
    """The workspace as a client of one namespace, by the files that the client was given; `rights`: what it claims instead of them."""
    file = service.join(workspace, client)
    head, *remotes = file.read_text(encoding="utf-8").split("  - url: ")
    (only,) = [remote for remote in remotes if f"namespace: {namespace}\n" in remote]
    lines = [line for line in only.splitlines() if "publish: promoted" not in line]  # here each is a builder's own
    text = "\n".join([f"{head}  - url: {lines[0]}", *lines[1:], ""])
    if rights is not None:
        before, _, after = text.partition("rights: [")
        text = f"{before}rights: {rights}{after.partition(']')[2]}"
    file.write_text(text, encoding="utf-8")
    return workspace


def forget(workspace):
    """Delete the store, and what was built."""
    shutil.rmtree(workspace.cache)
    shutil.rmtree(workspace.root / "lkbuild-out")


@pytest.fixture(params=["SHA-256 only", "HTTP on nginx", "TLS, certificates and gRPC", "TLS, certificates and HTTP"])
def builder(request, chain, tmp_path):
    """Builds with one kind of remote."""
    match request.param:
        case "SHA-256 only":
            with casd(tmp_path / "casd") as url:
                yield lambda *more: chain.build(TOP, f"--remote={url}", *more)
        case "HTTP on nginx":
            with nginx(unpack(tmp_path / "tree"), tmp_path / "nginx") as url:
                yield lambda *more: chain.build(TOP, f"--remote={url}", *more)
        case _:
            service = request.getfixturevalue("service")
            joined(service, chain, "ci", "main" if request.param.endswith("gRPC") else "files")
            yield lambda *more: chain.build(TOP, *more)


def test_who_deletes_the_store_builds_again_and_nothing_runs(chain, builder):
    first = builder("--remote-required")
    assert sorted(first.executed) == ["//p:both genrule", "//p:upper genrule"]
    text = first.text
    forget(chain)
    again = builder("--remote-required")
    assert again.executed == []
    assert again.counts["remote_hit"] == 1
    assert again.text == text


@pytest.mark.parametrize("namespace", ["main", "files"])
def test_a_partner_who_may_only_read_takes_what_is_there_and_builds_the_rest(service, chain, new_store, namespace):
    joined(service, chain, "ci", namespace).build(TOP, "--remote-required")
    theirs = joined(service, chain.beside("theirs", cache=new_store("theirs-cache")), "partner", namespace)
    assert theirs.build(TOP, "--remote-required").executed == []
    theirs.edit("p/other.txt", "other", "theirs")
    report = theirs.build(TOP, "--remote-required")
    assert report.executed == ["//p:both genrule"]


@pytest.mark.parametrize("namespace", ["main", "files"])
def test_a_partner_who_writes_is_refused_by_the_server_and_its_build_goes_on(service, chain, new_store, namespace):
    theirs = joined(service, chain, "partner", namespace, rights=ALL)
    report = theirs.build(TOP)
    assert len(report.executed) == 2
    (line,) = [line for line in report.stderr.splitlines() if "remote" in line and "goes on" in line]
    assert service.urls[namespace] in line
    # Nothing of it is there for anybody.
    colleague = joined(service, chain.beside("colleague", cache=new_store("colleague-cache")), "ci", namespace)
    assert len(colleague.build(TOP).executed) == 2


def test_the_line_says_who_may_not_do_what(service, chain):
    report = joined(service, chain, "partner", "main", rights=ALL).build(TOP)
    assert "CN=partner may not write-blobs" in report.stderr


def test_who_is_in_no_list_may_do_nothing(service, chain):
    joined(service, chain, "ci", "main")
    file = chain.root / "cache/cache.yaml"
    stranger = service.folder / "clients/stranger"
    text = file.read_text(encoding="utf-8").replace("~/.config/lkbuild/ci", str(stranger))
    file.write_text(text, encoding="utf-8")
    report = chain.build(TOP)
    assert len(report.executed) == 2
    assert report.stderr.count("CN=stranger may not") == 1


def certificate_of(service, tmp_path, kind):
    """Files of a certificate that is none of a client's."""
    if kind == "none":
        return None
    if kind == "the server's own":
        return service.folder / "server.pem", service.folder / "server.key"
    initialise(tmp_path / "elsewhere", policy({"main": (9999, "grpc", CLIENTS)}))
    other = tmp_path / "elsewhere/clients/ci"
    return other / "certificate.pem", other / "key.pem"


@pytest.mark.parametrize("kind", ["none", "the server's own", "of another authority"])
@pytest.mark.parametrize("namespace", ["main", "files"])
def test_who_is_not_known_gets_nothing_and_builds_on(service, chain, tmp_path, namespace, kind):
    found = certificate_of(service, tmp_path, kind)
    lines = [f"- url: {service.urls[namespace]}", f"  ca: {service.folder}/ca.pem", f"  rights: {ALL}"]
    lines += [f"  certificate: {found[0]}", f"  key: {found[1]}"] if found else []
    chain.write("cache/cache.yaml", "\n".join(["remotes:", *lines, ""]))
    report = chain.build(TOP)
    assert len(report.executed) == 2
    assert report.stderr.count("the build goes on") == 1, report.stderr


def channel_of(service, client, namespace):
    folder = service.folder / "clients" / client
    files = (folder / name for name in ("ca.pem", "key.pem", "certificate.pem"))
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
    return grpc.secure_channel(service.urls[namespace].removeprefix("grpcs://").partition("/")[0], credentials)


@pytest.mark.parametrize(
    "method",
    [
        "/build.buildgrid.LocalContentAddressableStorage/CaptureFiles",  # reads files of the server
        "/build.bazel.remote.execution.v2.Execution/Execute",
        "/build.bazel.remote.asset.v1.Push/PushBlob",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ],
)
def test_what_is_no_business_of_a_cache_is_not_let_through(service, method):
    with channel_of(service, "ci", "main") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_namespace_is_not_to_be_had_through_the_port_of_another(service):
    with channel_of(service, "ci", "others") as channel:
        ask = channel.unary_unary(messages.GET_CAPABILITIES)
        ask(messages.capabilities_request("others"))
        with pytest.raises(grpc.RpcError):
            ask(messages.capabilities_request("main"))


@pytest.fixture
def prepared(tmp_path):
    folder = tmp_path / "cache"
    (port,) = free_ports(1)
    initialise(folder, policy({"main": (port, "grpc", CLIENTS)}))
    return folder


def serve(folder, *arguments):
    command = [LKBUILD, "cache", "serve", folder, *arguments]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def survivors(folder):
    """Processes that have the folder in their command line: bubblewrap's, with what they run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


def until_gone(folder):
    """Wait until nothing runs. A minute is for a machine that hangs, and no measure of anything."""
    for _ in range(6000):
        if not survivors(folder):
            return
        time.sleep(0.01)
    pytest.fail(f"left behind: {survivors(folder)}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well_and_nothing_is_left(prepared, number):
    with serving(prepared, stop=number):
        assert len(survivors(prepared)) >= 2
    assert survivors(prepared) == []
    assert list((prepared / "tmp").iterdir()) == []


def test_what_is_killed_leaves_no_process(prepared):
    with serving(prepared) as service:
        service.process.kill()
        service.process.wait(PATIENCE_S)
        until_gone(prepared)


def test_a_folder_is_served_once(prepared):
    with serving(prepared):
        done = serve(prepared)
    assert done.returncode == 2
    assert "already" in done.stderr


def test_a_port_that_is_taken_is_an_error_that_names_it(prepared, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(prepared, other)
    with serving(prepared) as service:
        done = serve(other)
    assert done.returncode == 36
    assert service.urls["main"].partition("localhost:")[2].partition("/")[0] in done.stderr
    assert "Traceback" not in done.stderr
    assert survivors(other) == []


@pytest.mark.parametrize("name", ["server.pem", "server.key", "ca.pem"])
def test_a_certificate_that_is_not_there_is_a_usage_error(prepared, name):
    (prepared / name).unlink()
    done = serve(prepared)
    assert done.returncode == 2
    assert name in done.stderr


def test_a_certificate_that_is_none_is_an_error_of_nginx_with_its_words(prepared):
    (prepared / "server.key").write_text("no key\n")
    done = serve(prepared)
    assert done.returncode == 36
    assert "server.key" in done.stderr


def test_what_nginx_is_told_is_shown_and_nothing_is_started(prepared):
    done = serve(prepared, "--dry-run")
    assert done.returncode == 0
    assert "grpc_pass" in done.stdout
    assert not (prepared / "log").exists()
