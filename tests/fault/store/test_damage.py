"""Bits that flip, files that are cut, rows that change: found by whoever reads them, and by verify; never a wrong byte."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.action import ActionResult, OutputFile
from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore
from lkbuild.store.failures import StoreDamaged, StoreGone
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.verify import verify, verify_folder

CONTENTS = {
    "packed raw": blake3(b"1").digest(1000),
    "packed zstd": b"compressible " * 100,
    "file raw": blake3(b"2").digest(300_000),
    "file zstd": b"compressible " * 30_000,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def damage_file(path: Path, how: str) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 4
    elif how == "cut":
        del data[len(data) // 2 :]
    elif how == "emptied":
        data.clear()
    path.write_bytes(data)
    if how == "deleted":
        path.unlink()


def damage_blob(root: Path, digest: Digest, how: str) -> None:
    for suffix in ("", ".zst"):
        path = root / "blobs" / digest.hash[:2] / (digest.hash + suffix)
        if path.exists():
            damage_file(path, how)
            return
    with contextlib.closing(sqlite3.connect(root / "store.sqlite")) as connection, connection:
        number, data = connection.execute(
            "SELECT id, data FROM packed WHERE id = (SELECT packed FROM blobs WHERE hash = ?)", (bytes.fromhex(digest.hash),)
        ).fetchone()
        middle = len(data) // 2
        changed = {"flipped": data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :], "cut": data[:middle], "emptied": b""}
        if how == "deleted":
            connection.execute("DELETE FROM packed WHERE id = ?", (number,))
        else:
            connection.execute("UPDATE packed SET data = ? WHERE id = ?", (changed[how], number))


READERS = {
    "get_bytes": lambda store, digest: store.blobs.get_bytes(digest),
    "open": lambda store, digest: store.blobs.open(digest).read(),
    "path_of": lambda store, digest: store.blobs.path_of(digest).read_bytes(),
    "path_of executable": lambda store, digest: store.blobs.path_of(digest, executable=True).read_bytes(),
}


@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "deleted"])
@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_blob_is_missing_and_can_be_put_again(root, kind, how, reader):
    with DiskStore.open(root) as store:
        digest = store.blobs.put_bytes(CONTENTS[kind])
    damage_blob(root, digest, how)
    with DiskStore.open(root) as store:
        with pytest.raises(BlobMissing):
            READERS[reader](store, digest)
        assert not store.blobs.has(digest)
        assert store.blobs.put_bytes(CONTENTS[kind]) == digest
        assert READERS[reader](store, digest) == CONTENTS[kind]
        assert verify(store).clean


@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "deleted"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_verify_finds_a_damaged_blob_and_repair_removes_it(root, kind, how):
    with DiskStore.open(root) as store:
        digest = store.blobs.put_bytes(CONTENTS[kind])
        other = store.blobs.put_bytes(b"unharmed")
    damage_blob(root, digest, how)
    report = verify_folder(root)
    assert not report.clean
    assert str(digest) in report.damaged[0]
    assert not verify_folder(root, repair=True).clean
    again = verify_folder(root)
    assert again.clean
    assert again.leftovers == []
    with DiskStore.open(root) as store:
        assert store.blobs.missing([digest, other]) == {digest}


@pytest.mark.parametrize(
    ("table", "column"),
    [("actions", "result"), ("actions", "checksum"), ("recipes", "key"), ("recipes", "recipe"), ("sha256", "hash"), ("sha256", "sha256")],
)
def test_a_flipped_bit_in_a_row_is_never_an_answer(root, table, column):
    key, recipe, sha256 = Digest.of(b"key"), Digest.of(b"recipe"), "ab" * 32
    with DiskStore.open(root) as store:
        output = store.blobs.put_bytes(b"output")
        store.actions.put(key, ActionResult(files=(OutputFile("o", output),)))
        store.actions.put_recipe(recipe, key)
        store.blobs.record_sha256(sha256, Digest.of(b"not stored, so that only its row is looked at"))
    with contextlib.closing(sqlite3.connect(root / "store.sqlite")) as connection, connection:
        value = connection.execute(f"SELECT {column} FROM {table}").fetchone()[0]  # noqa: S608 - names of this test
        connection.execute(f"UPDATE {table} SET {column} = ?", (value[:-1] + bytes([value[-1] ^ 1]),))  # noqa: S608 - as above
    assert len(verify_folder(root).damaged) == 1
    with DiskStore.open(root) as store:
        if table == "actions":
            assert store.actions.get(key) is None
        assert store.actions.get_recipes([recipe]) == {} or table == "sha256"
        assert store.blobs.find_sha256(sha256) is None
    verify_folder(root, repair=True)
    assert verify_folder(root).clean


def test_verify_finds_a_changed_tree_and_it_is_made_again(root, tmp_path):
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    (source / "d/f").write_bytes(b"content")
    with DiskStore.open(root) as store:
        tree = store.blobs.put_tree(source, move=True)
        file = store.blobs.tree_path(tree) / "d/f"
        file.chmod(0o644)
        file.write_bytes(b"contenT")
        assert len(verify(store).damaged) == 1
        verify(store, repair=True)
        assert (store.blobs.tree_path(tree) / "d/f").read_bytes() == b"content"
        assert verify(store).clean


def test_verify_finds_a_changed_expanded_file(root):
    with DiskStore.open(root) as store:
        digest = store.blobs.put_bytes(CONTENTS["file zstd"])
        damage_file(store.blobs.path_of(digest), "flipped")
        assert len(verify(store, repair=True).damaged) == 1
        assert store.blobs.path_of(digest).read_bytes() == CONTENTS["file zstd"]


def test_a_cut_expanded_file_is_made_again_without_verify(root):
    with DiskStore.open(root) as store:
        digest = store.blobs.put_bytes(CONTENTS["file zstd"])
        damage_file(store.blobs.path_of(digest), "cut")
        assert store.blobs.path_of(digest).read_bytes() == CONTENTS["file zstd"]


def test_a_tree_of_an_earlier_boot_is_looked_at_before_it_is_trusted(root, tmp_path):
    """A rename may outlive the bytes of the file when the power fails."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(b"content")
    with DiskStore.open(root) as store:
        tree = store.blobs.put_tree(source, move=True)
        damage_file(store.blobs.tree_path(tree) / "f", "emptied")
        with store.database.transaction() as connection:
            connection.execute("UPDATE trees SET boot = 'an earlier one'")
        assert (store.blobs.tree_path(tree) / "f").read_bytes() == b"content"


@pytest.mark.parametrize("how", ["emptied", "cut", "garbage", "deleted"])
def test_a_damaged_database_is_rebuilt_from_the_blobs(root, tmp_path, how):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_bytes(b"in a tree")
    with DiskStore.open(root) as store:
        digests = [store.blobs.put_bytes(data) for data in CONTENTS.values()]
        tree = store.blobs.put_tree(source, move=True)
    database = root / "store.sqlite"
    if how == "garbage":
        database.write_bytes(blake3(b"garbage").digest(database.stat().st_size))
    else:
        damage_file(database, how)
    with pytest.raises(StoreDamaged) as caught, DiskStore.open(root) as store:
        verify(store)
    assert caught.value.exit_code == 36
    assert "--repair" in str(caught.value.hint)
    assert not verify_folder(root, repair=True).clean
    report = verify_folder(root)
    assert report.clean
    assert report.leftovers == []
    with DiskStore.open(root) as store:
        assert not store.blobs.missing(digests[2:]), "what lay in files is saved"
        assert (store.blobs.tree_path(tree) / "f").read_bytes() == b"in a tree"
        assert store.blobs.get_bytes(Digest.of(b"in a tree")) == b"in a tree", "so is what a tree holds"


def test_rebuilding_saves_the_rows_that_can_be_read(root):
    key = Digest.of(b"key")
    with DiskStore.open(root) as store:
        digests = [store.blobs.put_bytes(data) for data in CONTENTS.values()]
        store.actions.put(key, ActionResult(files=(OutputFile("o", digests[0]),)))
    with contextlib.closing(sqlite3.connect(root / "store.sqlite")) as connection:
        connection.executescript("DROP TABLE meta")
    verify_folder(root, repair=True)
    with DiskStore.open(root) as store:
        assert store.blobs.missing(digests) == set()
        assert store.actions.get(key) is not None


def test_another_format_is_refused_and_left_alone(root):
    DiskStore.open(root).close()
    (root / "FORMAT").write_text("lkbuild store 99\n")
    with pytest.raises(StoreError) as caught:
        DiskStore.open(root)
    assert caught.value.exit_code == 36
    assert (root / "store.sqlite").exists()


def test_a_folder_with_other_things_in_it_is_refused(root):
    root.mkdir()
    (root / "thesis.tex").write_text("precious")
    with pytest.raises(StoreError):
        DiskStore.open(root)
    assert [path.name for path in root.iterdir() if path.name != "open.lock"] == ["thesis.tex"]


def test_a_store_deleted_under_a_process_is_an_error_and_not_a_loss(root, tmp_path):
    store = DiskStore.open(root)
    store.blobs.put_bytes(b"before")
    store.flush()
    shutil.rmtree(root)
    store.blobs.put_bytes(b"after")
    with pytest.raises(StoreGone):
        store.flush()
    big = tmp_path / "big"
    big.write_bytes(CONTENTS["file raw"])
    with pytest.raises(StoreError):
        store.blobs.put_file(big)
    with pytest.raises(StoreError):
        store.close()
    with DiskStore.open(root) as again:
        assert again.blobs.put_bytes(b"after")


def test_a_clock_set_back_loses_nothing_that_is_in_use(root, monkeypatch):
    now = time.time()
    with DiskStore.open(root) as building, DiskStore.open(root) as collecting:
        monkeypatch.setattr(time, "time", lambda: now - 7 * 86_400)
        digest = building.blobs.put_bytes(b"made while the clock was a week behind")
        building.flush()
        monkeypatch.setattr(time, "time", lambda: now + 86_400)
        assert collect(collecting, GcPolicy(max_bytes=0, max_age_s=1)).in_use == 1
        assert building.blobs.get_bytes(digest)


def test_a_directory_of_a_hundred_thousand_files_comes_back(root, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(100_000):
        os.mknod(folder / f"{number}")
    (folder / "99999").write_bytes(b"the one that is not empty")
    with DiskStore.open(root) as store:
        tree = store.blobs.put_tree(folder, move=True)
        assert sum(1 for _ in store.blobs.walk(tree)) == 100_000
        path = store.blobs.tree_path(tree)
        assert len(os.listdir(path)) == 100_000  # noqa: PTH208 - a name each is enough
        assert (path / "99999").read_bytes() == b"the one that is not empty"
        assert verify(store).clean
