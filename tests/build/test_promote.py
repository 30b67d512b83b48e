"""`lkbuild cache promote`: a target and all that it is made from go to another namespace, signed by us, and nothing else of ours."""

from __future__ import annotations

import json
import subprocess

import pytest
from blake3 import blake3
from harness.casd import casd
from harness.http_cache import HttpCache
from harness.reapi_server import Behaviour, ReapiServer

from lkbuild.base.digest import Digest
from lkbuild.model.tree import Directory
from lkbuild.remote.closures import decode_closure
from lkbuild.remote.results import decode_remote

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

BASE = """\
targets:
  tool: {rule: genrule, srcs: [word.txt], outs: [tool], cmd: tr a-z A-Z < $SRCS > $OUT}
  library: {rule: genrule, srcs: [":tool"], outs: [library], cmd: cat $SRCS $SRCS > $OUT}
  secret: {rule: genrule, srcs: [":tool", secret.txt], outs: [secret], cmd: cat $SRCS > $OUT}
  product: {rule: genrule, srcs: [":library", ":secret"], outs: [product], cmd: cat $SRCS > $OUT}
"""
VARIANT = """\
targets:
  board:
    rule: genrule
    srcs:
      select:
        arm64: ["//base:library", arm64.txt]
        default: ["//base:library"]
    outs: [board]
    cmd: cat $SRCS > $OUT
  image: {rule: genrule, srcs: [":board", "//base:library"], outs: [image], cmd: cat $SRCS > $OUT}
"""
EVERYTHING = "[read-blobs, read-results, write-blobs, write-results]"


@pytest.fixture
def ours(ws):
    ws.write("base/BUILD.yaml", BASE)
    ws.write("base/word.txt", "word\n")
    ws.write("base/secret.txt", "the plans of the year after next\n")
    return ws


@pytest.fixture
def key(ours):
    return new_key(ours, "ours.key")


@pytest.fixture
def servers():
    """Our server, and the partner's."""
    main, partner = ReapiServer(), ReapiServer()
    yield main, partner
    main.stop()
    partner.stop()


def new_key(workspace, name):
    done = workspace.lkbuild("cache", "keygen", name, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["public"]


def policy(workspace, main, partner, *keys, publish="promoted", rights="[write-blobs, write-results]"):
    """Our policy: builds go to `main`, and to the partner what is promoted."""
    remotes = [
        f"- {{url: '{main}', rights: {EVERYTHING}}}",
        f"- {{url: '{partner}', namespace: partner/arm, publish: {publish}, rights: {rights}}}",
    ]
    trusted = [f"- {{name: k{number}, public: '{public}', namespaces: [{where}]}}" for number, (public, where) in enumerate(keys)]
    workspace.write("cache/cache.yaml", "\n".join(["remotes:", *remotes, "keys:", *trusted, ""]))


def promote(workspace, *arguments, code=0):
    done = workspace.lkbuild("cache", "promote", *arguments, "--to=partner/arm", "--signing-key=ours.key", "--json")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def recipes_on(server):
    """The results that a server has, by what signed entries say they are of."""
    entries = [decode_remote(data) for data in server.results.values()]
    return [entry for entry in entries if entry is not None]


def test_the_closure_of_a_target_arrives_and_nothing_else(ours, key, servers):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    everything = ours.build("//base:product", "//base:library", "//base:tool", "--signing-key=ours.key")
    assert partner.results == {}
    assert partner.blobs == {}
    told = promote(ours, "//base:library")
    assert told["results"] == len(told["to_build"]) + told["remotes"][0]["sent"]
    # Every result that is there is of an action of the closure: twice, by recipe and by action; and the closure tells of each.
    found = recipes_on(partner)
    (closure,) = [entry for entry in found if [item.path for item in entry.result.files] == ["closure"]]
    blob = partner.blobs[closure.result.files[0].digest.hash]
    inside = [decode_remote(data) for data in decode_closure(blob).values()]
    assert len(inside) == told["results"]
    assert sorted(entry.key.hash for entry in found if entry is not closure) == sorted(entry.key.hash for entry in inside for _ in range(2))
    made = {item.digest.hash for entry in inside for item in entry.result.files}
    assert everything.digests["//base:library/library"].removeprefix("blake3:") in made
    assert everything.digests["//base:tool/tool"].removeprefix("blake3:") in made
    assert everything.digests["//base:product/product"].removeprefix("blake3:") not in partner.blobs
    # Every blob that is there is named by something that is to be there.
    assert set(partner.blobs) == named(partner, found)
    assert not any(b"plans of the year" in data for data in partner.blobs.values())


def named(server, entries):
    """The hashes of all that some entries need: outputs, logs, trees, and the actions and commands that they are found by."""
    needed = set(server.results)
    for name in server.results:
        needed.add(hash_of_command(server.blobs[name]))
    for entry in entries:
        needed.update(item.digest.hash for item in entry.result.files)
        if entry.result.log is not None and entry.result.log.size:
            needed.add(entry.result.log.hash)
        for tree in entry.trees.values():
            needed.update({tree.tree.hash, tree.native.hash, *below(server, tree.root.hash)})
    return needed


def hash_of_command(action):
    from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re  # noqa: PLC0415 - slow to import

    return re.Action.FromString(action).command_digest.hash


def below(server, root):
    directory = Directory.decode(server.blobs.get(root, b""))
    found = {root} if root in server.blobs else set()
    found.update(node.digest.hash for node in directory.files if node.digest.size)
    for node in directory.directories:
        found |= below(server, node.digest.hash)
    return found


def test_what_is_promoted_is_signed_with_our_key_for_that_namespace(ours, key, servers, new_store):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    ours.build("//base:library", "--signing-key=ours.key")
    promote(ours, "//base:library")
    theirs = ours.beside("theirs", cache=new_store("theirs-cache"))
    trust = f"remotes:\n- {{url: '{partner.url}', namespace: NAMESPACE}}\n"
    trust += f"keys:\n- {{name: upstream, public: '{key}', namespaces: [main, partner/arm]}}\n"
    theirs.write("cache/cache.yaml", trust.replace("NAMESPACE", "main"))
    assert theirs.build("//base:library").counts["executed"]
    again = ours.beside("again", cache=new_store("again-cache"))
    again.write("cache/cache.yaml", trust.replace("NAMESPACE", "partner/arm"))
    assert again.build("//base:library", "--trust=strict").executed == []


def test_what_was_promoted_is_not_sent_again(ours, key, servers):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"), rights=EVERYTHING)
    first = promote(ours, "//base:library")["remotes"][0]
    assert first["sent"] > 0
    calls = partner.calls["BatchUpdateBlobs"]
    again = promote(ours, "//base:library")["remotes"][0]
    assert (again["sent"], again["present"], again["blobs"], again["bytes"]) == (0, first["sent"], 0, 0)
    assert partner.calls["BatchUpdateBlobs"] == calls


def test_a_dry_run_says_what_would_go_and_sends_nothing(ours, key, servers):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    before = promote(ours, "//base:library", "--dry-run")
    assert "//base:library genrule" in before["to_build"]
    ours.build("//base:library", "--signing-key=ours.key")
    would = promote(ours, "//base:library", "--dry-run")
    assert would["to_build"] == []
    assert partner.results == {}
    assert partner.blobs == {}
    did = promote(ours, "//base:library")
    assert did["remotes"][0]["sent"] == would["remotes"][0]["sent"] == would["results"]
    assert would["remotes"][0]["bytes"] <= did["remotes"][0]["bytes"]  # the closure is told of what arrived


def test_what_only_our_remote_has_is_promoted_from_there(ours, key, servers, new_store):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    ours.build("//base:library", "--signing-key=ours.key")
    second = ours.beside("second", cache=new_store("second-cache"))
    promote(second, "//base:library")
    assert Digest.of(b"WORD\nWORD\n").hash in partner.blobs
    assert Digest.of(b"WORD\n").hash in partner.blobs


@pytest.mark.parametrize(
    ("change", "arguments"),
    [
        (lambda text: text, ("--to=partner/army",)),
        (lambda text: text.replace("[write-blobs, write-results]", "[read-blobs, read-results]"), ()),
        (lambda text: text, ("--signing-key=none.key",)),
        (lambda text: text.replace("namespaces: [main]", "revoked: true"), ()),
    ],
    ids=["no such namespace", "no right", "no key", "a revoked key"],
)
def test_what_can_not_be_promoted_is_a_usage_error_before_anything_is_built(ours, key, servers, change, arguments):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    file = ours.root / "cache/cache.yaml"
    file.write_text(change(file.read_text()))
    given = ("--to=partner/arm", "--signing-key=ours.key", *arguments)[len(arguments) and -1 :]
    done = ours.lkbuild("cache", "promote", "//base:library", *given)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert partner.blobs == {}


def test_a_server_that_refuses_is_an_error(ours, key, servers):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    partner.stop()
    assert "remote" in promote(ours, "//base:library", code=34)


@pytest.fixture(params=["casd", "blake3", "http"])
def two_namespaces(request, tmp_path):
    """Two places of one kind: ours, and what we share with the partner."""
    if request.param == "casd":
        with casd(tmp_path / "casd-main") as main, casd(tmp_path / "casd-partner") as partner:
            yield main, partner
        return
    made = [HttpCache() if request.param == "http" else ReapiServer(Behaviour()) for _ in range(2)]
    yield tuple(server.url for server in made)
    for server in made:
        server.stop()


def test_a_partner_builds_its_own_nodes_on_what_was_promoted_and_nothing_of_ours(ours, key, two_namespaces, new_store):
    main, partner = two_namespaces
    policy(ours, main, partner, (key, "main"))
    ours.build("//base:library", "--arch=arm64", "--signing-key=ours.key")
    promote(ours, "//base:library", "--arch=arm64")

    theirs = ours.beside("theirs", cache=new_store("theirs-cache"))
    theirs.write("arm/BUILD.yaml", VARIANT)
    theirs.write("arm/arm64.txt", "a board\n")
    own = new_key(theirs, "theirs.key")
    theirs.write(
        "cache/cache.yaml",
        f"remotes:\n- {{url: '{partner}', namespace: partner/arm, rights: {EVERYTHING}}}\n"
        f"keys:\n- {{name: upstream, public: '{key}', namespaces: [partner/arm]}}\n"
        f"- {{name: own, public: '{own}', namespaces: [partner/arm]}}\n",
    )
    built = theirs.build("//arm:image", "--arch=arm64", "--signing-key=theirs.key", "--trust=strict")
    assert sorted(built.executed) == ["//arm:board genrule", "//arm:image genrule"]
    assert built.text == "WORD\nWORD\na board\nWORD\nWORD\n"

    # A colleague of theirs builds nothing at all; with our policy, what they have signed counts for nothing.
    colleague = theirs.beside("colleague", cache=new_store("colleague-cache"))
    assert colleague.build("//arm:image", "--arch=arm64", "--trust=strict").executed == []
    back = theirs.beside("back", cache=new_store("back-cache"))
    back.write("cache/cache.yaml", f"remotes:\n- {{url: '{partner}', namespace: partner/arm}}\nkeys:\n- {{name: own, public: '{key}'}}\n")
    assert "//arm:image genrule" in back.build("//arm:image", "--arch=arm64").executed


def git(workspace, *arguments):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    subprocess.run(["git", *who, *arguments], cwd=workspace.root, check=True, capture_output=True)


def test_what_is_not_committed_is_not_promoted(ours, key, servers):
    main, partner = servers
    policy(ours, main.url, partner.url, (key, "main"))
    git(ours, "init", "-q")
    git(ours, "add", "base", "BUILD.yaml")
    git(ours, "commit", "-qm", "all")
    ours.write("base/word.txt", "sword\n")
    assert "base/word.txt" in promote(ours, "//base:library", code=2)
    assert partner.blobs == {}
    git(ours, "commit", "-qam", "sword")
    assert promote(ours, "//base:library")["remotes"][0]["sent"]
    assert blake3(b"SWORD\n").hexdigest() in partner.blobs
