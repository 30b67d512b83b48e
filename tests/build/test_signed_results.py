"""Builders sign what they publish, and a machine with a policy takes only what builders have signed that it trusts."""

from __future__ import annotations

import json
import resource
import stat

import pytest
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.reapi_server import ReapiServer

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

ONE = "targets:\n  upper: {rule: genrule, srcs: [word.txt], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}\n"
TOP = "//p:upper"


@pytest.fixture(params=["casd", "grpc", "http"])
def remote(request, tmp_path):
    """Casd speaks SHA-256; it and the HTTP cache keep what we send as they like."""
    if request.param == "casd":
        with casd(tmp_path / "casd") as address:
            yield address
        return
    server = ReapiServer() if request.param == "grpc" else HttpCache()
    yield server.url
    server.stop()


@pytest.fixture
def one(ws):
    ws.write("p/BUILD.yaml", ONE)
    ws.write("p/word.txt", "word\n")
    return ws


@pytest.fixture
def key(one):
    done = one.lkbuild("cache", "keygen", "ci.key", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["public"]


@pytest.fixture
def second(one, new_store):
    return one.beside("second", cache=new_store("second-cache"))


def trusting(workspace, url, public, more=""):
    policy = f"remotes:\n- {{url: '{url}', rights: [read-blobs, read-results, write-blobs, write-results]}}\n"
    workspace.write("cache/cache.yaml", f"{policy}keys:\n- {{name: ci, public: '{public}'{more}}}\n")


def warnings(report):
    return [line for line in report.stderr.splitlines() if "trusted" in line]


def test_what_a_trusted_builder_has_built_is_not_built_again(one, second, key, remote):
    trusting(one, remote, key)
    trusting(second, remote, key)
    one.build(TOP, "--signing-key=ci.key")
    report = second.build(TOP, "--trust=strict")
    assert report.executed == []
    assert report.text == "WORD\n"
    assert warnings(report) == []


def test_what_is_not_signed_is_built_again_with_one_line(one, second, key, remote):
    one.build(TOP, f"--remote={remote}")
    trusting(second, remote, key)
    report = second.build(TOP)
    assert report.counts["executed"] == 1
    assert report.text == "WORD\n"
    assert len(warnings(report)) == 1


def test_a_remote_of_the_command_line_is_believed_no_more_than_those_of_the_policy(one, second, key, remote):
    one.build(TOP, f"--remote={remote}")
    second.write("cache/cache.yaml", f"keys:\n- {{name: ci, public: '{key}'}}\n")
    report = second.build(TOP, f"--remote={remote}")
    assert report.counts["executed"] == 1
    assert len(warnings(report)) == 1


def test_what_is_not_signed_is_an_error_for_who_is_strict(one, second, key, remote):
    one.build(TOP, f"--remote={remote}")
    second.write("cache/cache.yaml", f"remotes:\n- {{url: '{remote}', trust: any}}\nkeys:\n- {{name: ci, public: '{key}'}}\n")
    (error,) = second.build(TOP, "--trust=strict", code=34).errors
    assert error["class"] == "Untrusted"
    assert second.build(TOP).executed == []


def test_who_has_no_key_publishes_nothing_that_nobody_would_believe(one, key):
    server = ReapiServer()
    try:
        trusting(one, server.url, key)
        assert one.build(TOP).counts["executed"] == 1
        assert server.results == {}
        assert server.blobs == {}
    finally:
        server.stop()


def test_who_is_strict_and_trusts_nobody_is_told_so(one):
    assert one.lkbuild("build", TOP, "--remote=grpc://127.0.0.1:1", "--trust=strict").returncode == 2


def test_a_new_key_is_its_owners_and_replaces_none(one, key):
    path = one.root / "ci.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert one.lkbuild("cache", "keygen", "ci.key").returncode == 2
    assert path.read_bytes() == before


def test_a_disk_that_is_full_leaves_no_half_of_a_key(one):
    full = one.lkbuild("cache", "keygen", "ci.key", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16)))
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert not (one.root / "ci.key").exists()
    assert one.lkbuild("cache", "keygen", "ci.key").returncode == 0


@pytest.mark.parametrize("spoil", ["mode", "text", "gone"])
def test_a_key_that_is_none_or_that_others_may_read_is_refused(one, key, spoil):
    path = one.root / "ci.key"
    secret = path.read_text(encoding="ascii").splitlines()[1]
    match spoil:
        case "mode":
            path.chmod(0o640)
        case "text":
            path.write_text(f"-----BEGIN PRIVATE KEY-----\n{secret[:-4]}\n-----END PRIVATE KEY-----\n", encoding="ascii")
        case _:
            path.unlink()
    done = one.lkbuild("build", TOP, "--remote=grpc://127.0.0.1:1", "--signing-key=ci.key")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert secret[:20] not in done.stderr


def test_the_private_key_gets_nowhere(one, key):
    server = ReapiServer()
    try:
        secret = (one.root / "ci.key").read_text(encoding="ascii").splitlines()[1]
        trusting(one, server.url, key)
        report = one.build(TOP, "--signing-key=ci.key", "--events=events.json", "-v")
        assert server.results
        kept = [file for root in (one.cache, one.root) for file in root.rglob("*") if file.is_file() and file.name != "ci.key"]
        assert not any(secret.encode() in file.read_bytes() for file in kept)
        assert secret not in report.stderr
        assert not any(secret.encode() in data for data in (*server.results.values(), *server.blobs.values()))
    finally:
        server.stop()


def test_trust_shows_whose_results_count(one, key):
    trusting(one, "grpc://host", key, ", until: 2020-01-01, namespaces: [main, partner/arm]")
    (shown,) = json.loads(one.lkbuild("cache", "trust", "--json").stdout)["keys"]
    assert (shown["name"], shown["public"], shown["until"]) == ("ci", key, "2020-01-01")
    assert shown["namespaces"] == ["main", "partner/arm"]
    assert shown["invalid"]
