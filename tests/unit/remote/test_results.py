"""A result comes back as it went, and nothing that a server says makes more of it than a refusal."""

import contextlib

import pytest
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.remote.faults import Misbehaved
from lkbuild.remote.names import SHA256
from lkbuild.remote.results import RemoteResult, TreeNames, decode_remote, encode_remote
from lkbuild.remote.trees import decode_tree, encode_tree, verified

FILE, ROOT, LOG = Digest.of(b"file"), Digest.of(b"root"), Digest.of(b"log")
TREE = TreeNames(root=SHA256.of(b"root!"), tree=SHA256.of(b"tree"), native=SHA256.of(b"native"))
RESULT = RemoteResult(
    key=Digest.of(b"key"),
    result=ActionResult(files=(OutputFile("a", FILE, executable=True),), trees=(OutputTree("t", ROOT),), log=LOG, seconds=2.5),
    names={FILE: SHA256.of(b"file"), LOG: SHA256.of(b"log")},
    trees={ROOT: TREE},
)


def test_a_result_comes_back_as_it_went():
    assert decode_remote(encode_remote(RESULT)) == RESULT


def test_a_server_can_read_it():
    theirs = re.ActionResult.FromString(encode_remote(RESULT))
    assert (theirs.output_files[0].path, theirs.output_files[0].is_executable) == ("a", True)
    assert theirs.output_files[0].digest.hash == SHA256.of(b"file").hash
    assert theirs.output_directories[0].tree_digest.hash == TREE.tree.hash
    assert theirs.stdout_digest.hash == SHA256.of(b"log").hash
    assert theirs.execution_metadata.worker
    assert decode_remote(theirs.SerializeToString()) == RESULT


def test_a_result_of_somebody_else_is_none():
    assert decode_remote(re.ActionResult(exit_code=0, stdout_raw=b"hello").SerializeToString()) is None


def test_a_result_that_names_other_sizes_than_it_means_is_refused():
    theirs = re.ActionResult.FromString(encode_remote(RESULT))
    theirs.output_files[0].digest.size_bytes += 1
    with pytest.raises(Misbehaved):
        decode_remote(theirs.SerializeToString())


def test_a_result_that_names_fewer_files_than_it_means_is_refused():
    theirs = re.ActionResult.FromString(encode_remote(RESULT))
    del theirs.output_files[:]
    with pytest.raises(Misbehaved):
        decode_remote(theirs.SerializeToString())


@given(st.binary())
def test_nothing_else_than_a_refusal_comes_of_noise(data):
    with contextlib.suppress(Misbehaved):
        assert decode_remote(data) is None


@given(st.data())
def test_nothing_else_than_a_refusal_comes_of_damage(data):
    good = encode_remote(RESULT)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 3)) :]
    try:
        found = decode_remote(bad)
    except Misbehaved:
        return
    assert found is None or isinstance(found, RemoteResult)


def directory(**contents):
    made = re.Directory()
    for name, child in contents.items():
        if isinstance(child, str):
            made.symlinks.add(name=name, target=child)
        else:
            digest = Digest.of(child)
            made.directories.add(name=name, digest=re.Digest(hash=digest.hash, size_bytes=digest.size))
    return made.SerializeToString()


LEAF = directory(up="../x")


@pytest.mark.parametrize(
    "parts",
    [
        [directory(a=LEAF)],
        [directory(a=LEAF), directory(b=LEAF)],
        [directory(x="/etc/passwd")],
        [directory(x="../outside")],
        [directory(a=directory(x="../../outside")), directory(x="../../outside")],
        [directory(**{"a/b": LEAF}), LEAF],
        [directory(**{"..": LEAF}), LEAF],
        [directory(**{"": LEAF}), LEAF],
        [b"\xff"],
    ],
)
def test_a_tree_that_is_not_whole_or_leads_out_of_itself_is_refused(parts):
    with pytest.raises(Misbehaved):
        verified(Digest.of(parts[0]), parts)


def test_a_tree_comes_back_as_it_went():
    parts = [directory(a=LEAF, b=LEAF), LEAF]
    assert decode_tree(encode_tree(parts)) == parts
    assert set(verified(Digest.of(parts[0]), parts)) == {Digest.of(part) for part in parts}
    assert re.Tree.FromString(encode_tree(parts)).children[0].SerializeToString() == LEAF


@pytest.mark.parametrize("data", [b"", b"\x12\x00", b"\x0a\x00\x0a\x00", b"\x0a\x05"])
def test_what_is_no_tree_is_refused(data):
    with pytest.raises(Misbehaved):
        decode_tree(data)
