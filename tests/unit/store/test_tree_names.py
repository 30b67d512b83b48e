"""A blob that is said to be a directory makes nothing outside of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from lkbuild.base import wire
from lkbuild.model.ports import BlobMissing
from lkbuild.model.tree import encode_digest
from lkbuild.store.disk import DiskStore


@pytest.mark.parametrize("kind", [1, 2, 3], ids=["file", "directory", "link"])
@pytest.mark.parametrize("name", ["../../../planted", "/planted", "..", ".", "", "a/b", "a\0b"])
def test_a_directory_with_a_name_that_is_none_is_not_made(tmp_path: Path, kind: int, name: str) -> None:
    with DiskStore.open(tmp_path / "store") as store:
        content = store.blobs.put_bytes(b"x" if kind == 1 else b"")
        body = wire.text(2, "x") if kind == 3 else wire.message(2, encode_digest(content))
        root = store.blobs.put_bytes(wire.message(kind, wire.text(1, name) + body))
        with pytest.raises(BlobMissing):
            store.blobs.tree_path(root)
        assert not [*tmp_path.rglob("planted")]


def test_a_link_is_not_followed_by_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    with DiskStore.open(tmp_path / "store") as store:
        content = encode_digest(store.blobs.put_bytes(b"x"))
        link = wire.message(3, wire.text(1, "a") + wire.text(2, str(tmp_path / "host")))
        root = store.blobs.put_bytes(link + wire.message(1, wire.text(1, "a") + wire.message(2, content)))
        with pytest.raises(BlobMissing):
            store.blobs.tree_path(root)
