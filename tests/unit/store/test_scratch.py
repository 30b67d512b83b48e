"""Unfinished work of a running process is not cleaned away by another that opens the same store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lkbuild.base.errors import StoreError
from lkbuild.store.disk import DiskStore


def test_opening_a_store_leaves_the_work_of_another_process_alone(tmp_path: Path) -> None:
    with DiskStore.open(tmp_path / "store") as first, tempfile.TemporaryDirectory(dir=first.scratch) as folder:
        (Path(folder) / "output").write_text("half done")
        with DiskStore.open(tmp_path / "store") as second:
            assert second.scratch != first.scratch
            assert (Path(folder) / "output").read_text() == "half done"


def test_what_a_closed_store_left_is_removed(tmp_path: Path) -> None:
    with DiskStore.open(tmp_path / "store") as store:
        (store.scratch / "left").mkdir()
        scratch = store.scratch
    assert not scratch.exists()


@pytest.mark.parametrize("place", ["file", "file/store", "dangling"])
def test_where_no_folder_can_be_the_store_is_not_opened(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(StoreError) as caught:
        DiskStore.open(tmp_path / place)
    assert str(tmp_path / place) in caught.value.message
    assert "--cache" in (caught.value.hint or "")
    assert (tmp_path / "file").read_text() == "mine"
