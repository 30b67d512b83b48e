"""`lkbuild cache audit`: whose results a target would be made of, and which of them would be refused."""

from __future__ import annotations

import json

import pytest
from harness.casd import casd
from harness.reapi_server import ReapiServer

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

CHAIN = """\
targets:
  upper: {rule: genrule, srcs: [word.txt], outs: [upper], cmd: tr a-z A-Z < $SRCS > $OUT}
  twice: {rule: genrule, srcs: [":upper"], outs: [twice], cmd: cat $SRCS $SRCS > $OUT}
"""


@pytest.fixture(params=["casd", "grpc"])
def url(request, tmp_path):
    if request.param == "casd":
        with casd(tmp_path / "casd") as address:
            yield address
        return
    server = ReapiServer()
    yield server.url
    server.stop()


@pytest.fixture
def chain(ws):
    ws.write("p/BUILD.yaml", CHAIN)
    ws.write("p/word.txt", "word\n")
    return ws


def new_key(workspace, name):
    return json.loads(workspace.lkbuild("cache", "keygen", name, "--json").stdout)["public"]


def policy(workspace, url, *keys):
    rights = "[read-blobs, read-results, write-blobs, write-results]"
    lines = [f"- {{name: {name}, public: '{public}'{more}}}" for name, public, more in keys]
    workspace.write("cache/cache.yaml", "\n".join([f"remotes:\n- {{url: '{url}', rights: {rights}}}", "keys:" if keys else "", *lines, ""]))


def audited(workspace, *arguments, code=0):
    done = workspace.lkbuild("cache", "audit", "//p:twice", "--json", *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_results_are_told_by_who_signed_them_until_when(chain, url):
    old, new = new_key(chain, "old.key"), new_key(chain, "new.key")
    policy(chain, url, ("old", old, ""), ("new", new, ", until: 2099-01-01"))
    chain.build("//p:upper", "--signing-key=old.key")
    chain.build("//p:twice", "--signing-key=new.key")
    (remote,) = audited(chain, "--trust=strict")["remotes"]
    by_name = {signer["name"]: signer for signer in remote["signers"]}
    assert by_name["new"]["results"] == 1
    assert by_name["new"]["until"] == "2099-01-01"
    assert by_name["old"]["results"] == 1
    assert remote["refused"] == []
    assert remote["found"] + remote["missing"] == audited(chain)["results"]


def test_what_would_be_refused_is_named_with_the_reason_and_an_error_for_who_is_strict(chain, url):
    old, new = new_key(chain, "old.key"), new_key(chain, "new.key")
    policy(chain, url, ("old", old, ""))
    chain.build("//p:twice", "--signing-key=old.key")
    policy(chain, url, ("old", old, ", until: 2020-01-01"), ("new", new, ""))
    (remote,) = audited(chain)["remotes"]
    assert [item["action"] for item in remote["refused"]] == ["//p:twice genrule", "//p:upper genrule"]
    assert remote["signers"][0]["invalid"]
    assert "//p:twice" in audited(chain, "--trust=strict", code=34)


def test_what_is_not_signed_is_told_as_such(chain, url):
    chain.build("//p:twice", f"--remote={url}")
    (remote,) = audited(chain, f"--remote={url}")["remotes"]
    assert [(signer["public"], signer["results"]) for signer in remote["signers"]] == [("unsigned", 2)]
    policy(chain, url, ("ci", new_key(chain, "ci.key"), ""))
    (remote,) = audited(chain)["remotes"]
    assert len(remote["refused"]) == 2


def test_without_a_remote_there_is_nothing_to_audit(chain):
    audited(chain, code=2)


def test_a_remote_that_is_down_is_an_error(chain):
    audited(chain, "--remote=grpc://127.0.0.1:1", code=34)
