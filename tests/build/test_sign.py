"""`lkbuild cache sign`: what lies in a namespace unsigned, and this store came to as well, is signed; nothing is built or sent."""

from __future__ import annotations

import json
import subprocess

import pytest
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.reapi_server import ReapiServer

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

TWO = """\
targets:
  lower: {rule: genrule, srcs: [word.txt], outs: [lower], cmd: tr A-Z a-z < $SRCS > $OUT}
  twice: {rule: genrule, srcs: [":lower"], outs: [twice], cmd: cat $SRCS $SRCS > $OUT}
"""
TOP = "//p:twice"
EVERYTHING = "[read-blobs, read-results, write-blobs, write-results]"


@pytest.fixture
def ours(ws):
    ws.write("p/BUILD.yaml", TWO)
    ws.write("p/word.txt", "WORD\n")
    return ws


@pytest.fixture
def key(ours):
    return new_key(ours, "ours.key")


def new_key(workspace, name):
    return json.loads(workspace.lkbuild("cache", "keygen", name, "--json").stdout)["public"]


@pytest.fixture(params=["casd", "blake3", "http"])
def url(request, tmp_path):
    if request.param == "casd":
        with casd(tmp_path / "casd") as address:
            yield address
        return
    server = HttpCache() if request.param == "http" else ReapiServer()
    yield server.url
    server.stop()


@pytest.fixture
def server():
    made = ReapiServer()
    yield made
    made.stop()


def trusting(workspace, url, *publics, rights=EVERYTHING, more=""):
    keys = "".join(f"- {{name: k{number}, public: '{public}'{more}}}\n" for number, public in enumerate(publics))
    workspace.write("cache/cache.yaml", f"remotes:\n- {{url: '{url}', rights: {rights}}}\n{'keys:' if keys else ''}\n{keys}")


def sign(workspace, *arguments, code=0):
    given = (TOP, *arguments) if not any(word.startswith("//") for word in arguments) else arguments
    done = workspace.lkbuild("cache", "sign", *given, "--to=main", "--signing-key=ours.key", "--json")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_what_lay_there_unsigned_counts_afterwards(ours, key, url, new_store):
    ours.build(TOP, f"--remote={url}")
    trusting(ours, url, key)
    reader = ours.beside("reader", cache=new_store("reader-cache"))
    assert "//p:twice genrule" in reader.build(TOP).executed
    (told,) = sign(ours)["remotes"]
    assert told["signed"] >= 2
    assert told["different"] == 0
    again = ours.beside("again", cache=new_store("again-cache"))
    report = again.build(TOP, "--trust=strict")
    assert report.executed == []
    assert report.text == "word\nword\n"


def test_a_second_time_there_is_nothing_to_sign(ours, key, server):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    first = sign(ours)["remotes"][0]
    calls = server.calls["UpdateActionResult"]
    again = sign(ours)["remotes"][0]
    assert (again["signed"], again["present"]) == (0, first["signed"])
    assert server.calls["UpdateActionResult"] == calls


def test_no_byte_is_sent_and_nothing_is_built(ours, key, server, new_store):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    blobs = dict(server.blobs)
    sign(ours)
    assert server.blobs == blobs
    assert server.calls["BatchReadBlobs"] + server.calls["Read"] == 0
    # A store that has built nothing has nothing to vouch for.
    empty = ours.beside("empty", cache=new_store("empty-cache"))
    trusting(empty, server.url, new_key(empty, "other.key"))
    told = sign(empty)
    assert told["remotes"][0]["signed"] + told["remotes"][0]["present"] <= 2  # the shell, which every store of the tests has
    assert told["unknown"] >= 2


def test_what_another_has_made_otherwise_is_not_signed_and_told(ours, key, server, new_store):
    evil = ours.beside("evil", cache=new_store("evil-cache"))
    ours.build(TOP)
    evil.build(TOP, f"--remote={server.url}")
    for name, data in list(server.results.items()):
        # The outputs of somebody who lies: the same length, other bytes.
        server.results[name] = swapped(server, data)
    trusting(ours, server.url, key)
    before = dict(server.results)
    (told,) = sign(ours)["remotes"]
    assert told["different"] > 0
    assert told["signed"] == 0
    assert server.results == before


def swapped(server, data):
    """The entry with every digest of a file replaced by that of other bytes, which are there."""
    from blake3 import blake3  # noqa: PLC0415 - of this test

    for blob in [blob for blob in server.blobs.values() if blob in (b"word\n", b"word\nword\n")]:
        other = blob.upper()
        server.blobs[blake3(other).hexdigest()] = other
        data = data.replace(blake3(blob).hexdigest().encode(), blake3(other).hexdigest().encode())
        data = data.replace(blake3(blob).digest(), blake3(other).digest())
    return data


def test_a_dry_run_says_what_would_be_signed_and_signs_nothing(ours, key, server):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    before = dict(server.results)
    would = sign(ours, "--dry-run")["remotes"][0]
    assert server.results == before
    assert sign(ours)["remotes"][0] == would


def test_only_what_was_named_is_signed(ours, key, server, new_store):
    ours.build("//p:lower", TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    sign(ours, "//p:lower")
    reader = ours.beside("reader", cache=new_store("reader-cache"))
    assert reader.build(TOP).executed == ["//p:twice genrule"]


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        ({}, ("--offline",)),
        ({"rights": "[read-blobs, read-results, write-blobs]"}, ()),
        ({"more": ", revoked: true"}, ()),
        ({"more": ", until: 2020-01-01"}, ()),
    ],
    ids=["offline", "no right", "a revoked key", "a key that has expired"],
)
def test_what_promote_refuses_is_refused(ours, key, server, change, arguments):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key, **change)
    before = dict(server.results)
    sign(ours, *arguments, code=2)
    assert server.results == before


def test_what_is_not_committed_is_not_signed(ours, key, server):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    for words in (["init", "-q"], ["add", "p/BUILD.yaml", "BUILD.yaml"], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words], cwd=ours.root, check=True)
    assert "p/word.txt" in sign(ours, code=2)


def test_a_target_has_to_be_named(ours, key, server):
    trusting(ours, server.url, key)
    done = ours.lkbuild("cache", "sign", "--to=main", "--signing-key=ours.key")
    assert done.returncode == 2


def test_a_server_that_refuses_is_an_error(ours, key, server):
    ours.build(TOP, f"--remote={server.url}")
    trusting(ours, server.url, key)
    server.stop()
    assert "remote" in sign(ours, code=34)
