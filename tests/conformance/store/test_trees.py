"""What every BlobStore promises of trees."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.model.ports import BlobMissing
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, SymlinkNode


def write(folder: Path, content: dict[str, bytes | str]) -> Path:
    """Bytes are files (executable under bin/), text is a link."""
    folder.mkdir()
    for name, value in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, str):
            path.symlink_to(value)
        else:
            path.write_bytes(value)
            path.chmod(0o755 if "bin/" in name else 0o644)
    return folder


CONTENT: dict[str, bytes | str] = {
    "bin/tool": b"#!/bin/sh\n",
    "bin/large": bytes(range(256)) * 1000,
    "lib/libc.so.6": b"\x7fELF" * 50_000,
    "lib/libc.so": "libc.so.6",
    "lib/up": "../bin/tool",
    "lib/dangling": "nothing/here",
    "lib/self": "self",
    "empty": b"",
    "share/a/b/c/deep": b"deep",
    "top": ".",
}


def listing(path: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            item = Path(folder, name)
            key = str(item.relative_to(path))
            if item.is_symlink():
                found[key] = str(item.readlink())
            elif item.is_file():
                found[key] = (item.read_bytes(), item.stat().st_mode & 0o777)
            else:
                found[key] = item.stat().st_mode & 0o777
    return found


EXPECTED = {
    **{name: value if isinstance(value, str) else (value, 0o555 if "bin/" in name else 0o444) for name, value in CONTENT.items()},
    **dict.fromkeys(("bin", "lib", "share", "share/a", "share/a/b", "share/a/b/c"), 0o555),
}


@pytest.mark.parametrize("move", [False, True])
def test_a_tree_comes_back_read_only(store, tmp_path, move):
    root = store.blobs.put_tree(write(tmp_path / "source", CONTENT), move=move)
    path = store.blobs.tree_path(root)
    assert listing(path) == EXPECTED
    assert path.stat().st_mode & 0o777 == 0o555
    assert store.blobs.tree_path(root) == path


def test_the_digest_is_the_one_of_the_messages(store, tmp_path):
    root = store.blobs.put_tree(write(tmp_path / "source", {"d/f": b"x", "d/bin/g": b"y", "l": "d/f"}))
    below = Directory(files=(FileNode("g", Digest.of(b"y"), executable=True),)).encode()
    inner = Directory(files=(FileNode("f", Digest.of(b"x")),), directories=(DirectoryNode("bin", Digest.of(below)),)).encode()
    top = Directory(directories=(DirectoryNode("d", Digest.of(inner)),), symlinks=(SymlinkNode("l", "d/f"),)).encode()
    assert root == Digest.of(top)
    assert store.blobs.get_bytes(root) == top


def test_modes_times_and_the_way_of_storing_do_not_change_the_digest(store, tmp_path):
    roots = set()
    for number, (mode, move) in enumerate([(0o644, False), (0o600, True), (0o444, False)]):
        folder = write(tmp_path / str(number), CONTENT)
        (folder / "empty").chmod(mode)
        os.utime(folder / "empty", (number, number))
        (folder / "lib").chmod(0o700)
        roots.add(store.blobs.put_tree(folder, move=move))
    assert len(roots) == 1


def test_walk_names_every_file(store, tmp_path):
    root = store.blobs.put_tree(write(tmp_path / "source", CONTENT))
    walked = sorted(store.blobs.walk(root))
    assert walked == sorted((name, Digest.of(value), "bin/" in name) for name, value in CONTENT.items() if isinstance(value, bytes))


def test_a_tree_of_messages_put_by_hand_is_materialised(store):
    file = store.blobs.put_bytes(b"content")
    inner = store.blobs.put_bytes(Directory(files=(FileNode("f", file),)).encode())
    root = store.blobs.put_bytes(Directory(directories=(DirectoryNode("a", inner), DirectoryNode("b", inner))).encode())
    assert (store.blobs.tree_path(root) / "b/f").read_bytes() == b"content"


def test_a_tree_whose_file_is_absent_is_missing(store):
    absent = Digest.of(b"absent")
    root = store.blobs.put_bytes(Directory(files=(FileNode("f", absent),)).encode())
    with pytest.raises(BlobMissing) as caught:
        store.blobs.tree_path(root)
    assert caught.value.digest == absent


def test_an_empty_directory_is_a_tree(store, tmp_path):
    root = store.blobs.put_tree(write(tmp_path / "source", {}))
    assert list(store.blobs.tree_path(root).iterdir()) == []


def test_a_name_that_is_not_utf8_comes_back(store, tmp_path):
    name = os.fsdecode(b"caf\xe9")
    root = store.blobs.put_tree(write(tmp_path / "source", {name: b"x", "l": name}))
    path = store.blobs.tree_path(root)
    assert sorted(os.fsencode(item.name) for item in path.iterdir()) == [b"caf\xe9", b"l"]
    assert (path / "l").read_bytes() == b"x"


def test_names_of_255_bytes_and_many_levels_are_kept(store, tmp_path):
    deep = "/".join(["d"] * 200 + ["n" * 255])
    root = store.blobs.put_tree(write(tmp_path / "source", {deep: b"x"}), move=True)
    assert (store.blobs.tree_path(root) / deep).read_bytes() == b"x"


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "..", "../outside", "d/../../outside", "d/up/../../x", "./.././x"],
    ids=lambda target: target.replace("/", "_"),
)
def test_a_link_that_leads_out_fails_and_is_named(store, tmp_path, target):
    folder = write(tmp_path / "source", {"d/f": b"x", "d/up": "..", "evil": target})
    with pytest.raises(BuildFailed, match="evil"):
        store.blobs.put_tree(folder)


def test_a_link_that_goes_up_within_the_tree_is_kept(store, tmp_path):
    content: dict[str, bytes | str] = {"a/b/f": b"x", "a/c/l": "../b/../b/f", "a/m": "b/../c/l"}
    path = store.blobs.tree_path(store.blobs.put_tree(write(tmp_path / "source", content)))
    assert (path / "a/m").read_bytes() == b"x"


def test_a_link_through_a_link_that_leads_out_fails(store, tmp_path):
    with pytest.raises(BuildFailed, match="d/evil"):
        store.blobs.put_tree(write(tmp_path / "source", {"d/f": b"x", "d/up": "..", "d/evil": "up/../x"}))


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_fails_and_is_named(store, tmp_path, monkeypatch, kind):
    folder = write(tmp_path / "source", {"d/f": b"x"})
    if kind == "pipe":
        os.mkfifo(folder / "d/special")
    elif kind == "socket":
        monkeypatch.chdir(folder / "d")  # the name of a socket has 108 bytes at most
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("special")
    elif os.geteuid() == 0:
        os.mknod(folder / "d/special", 0o20666, os.makedev(1, 3))
    else:
        pytest.skip("making a device needs root")
    with pytest.raises(BuildFailed, match="d/special"):
        store.blobs.put_tree(folder, move=True)
