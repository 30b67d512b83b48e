"""Unfinished work of a running process is not cleaned away by another that opens the same store."""

from __future__ import annotations

import tempfile
from pathlib import Path

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
