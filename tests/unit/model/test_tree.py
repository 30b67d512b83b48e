"""Trees: the canonical form of a directory, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkbuild.base.digest import EMPTY, Digest
from lkbuild.model.tree import Directory, DirectoryNode, File, FileNode, Layout, Subtree, SymlinkNode

A = Digest.of(b"a")
NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@given(st.sets(NAMES, max_size=9), st.randoms(use_true_random=False))
def test_the_order_of_nodes_does_not_matter(names, random):
    nodes = [FileNode(name, A, executable=len(name) % 2 == 0) for name in names]
    shuffled = random.sample(nodes, len(nodes))
    assert Directory(tuple(nodes)).encode() == Directory(tuple(shuffled)).encode()


@given(st.sets(NAMES, min_size=3, max_size=9))
def test_a_directory_comes_back(names):
    first, second, *rest = sorted(names)
    directory = Directory(
        tuple(FileNode(name, A, executable=True) for name in rest), (DirectoryNode(first, EMPTY),), (SymlinkNode(second, "../x"),)
    )
    assert Directory.decode(directory.encode()).encode() == directory.encode()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0"])
def test_a_name_that_is_no_path_segment_is_refused(name):
    with pytest.raises(ValueError, match="not a file name"):
        Directory((FileNode(name, A),)).encode()


def test_a_name_stands_once_over_all_kinds():
    with pytest.raises(ValueError, match="twice"):
        Directory((FileNode("x", A),), (DirectoryNode("x", A),)).encode()


def test_a_file_name_that_is_not_utf8_keeps_its_bytes():
    name = b"\xff".decode("utf-8", "surrogateescape")
    assert Directory.decode(Directory((FileNode(name, A),)).encode()).files[0].name == name


def test_a_layout_nests_by_path_and_refers_to_trees():
    root, messages = Layout({"a/b": File(A), "a/t": Subtree(EMPTY), "c": File(A, executable=True)}).encode()
    top = Directory.decode(messages[root])
    inner = Directory.decode(messages[top.directories[0].digest])
    assert [node.name for node in top.files] == ["c"]
    assert top.files[0].executable
    assert [node.name for node in inner.files] == ["b"]
    assert inner.directories == (DirectoryNode("t", EMPTY),)


@pytest.mark.parametrize(
    "entries", [{"a": File(A), "a/b": File(A)}, {"a": Subtree(A), "a/b": File(A)}, {"/a": File(A)}, {"a/../b": File(A)}]
)
def test_a_path_inside_a_file_or_out_of_the_root_is_refused(entries):
    with pytest.raises(ValueError, match=r"input|name"):
        Layout(entries).encode()
