"""A blob that is a list of others: as good as its parts, and never better. What is wrong with one is found by whoever reads the whole."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest
from blake3 import blake3
from harness.store_files import file_of, flip

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile
from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore
from lkbuild.store.foreseen import Begun
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.info import info, stored_bytes
from lkbuild.store.verify import verify

ONE, TWO = blake3(b"one").digest(300_000), blake3(b"two").digest(100_000) * 4
SMALL = blake3(b"small").digest(500)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def parts(root: Path) -> list[Digest]:
    with DiskStore.open(root) as store:
        return [store.blobs.put_bytes(data) for data in (ONE, TWO, SMALL)]


@pytest.fixture
def whole(root: Path, parts: list[Digest]) -> Digest:
    with DiskStore.open(root) as store:
        return store.blobs.put_parts(parts)


READERS = {
    "get_bytes": lambda store, digest: store.blobs.get_bytes(digest),
    "open": lambda store, digest: store.blobs.open(digest).read(),
    "path_of": lambda store, digest: store.blobs.path_of(digest).read_bytes(),
}


@pytest.mark.parametrize("reader", READERS)
def test_it_reads_as_one(root, whole, reader):
    assert whole == Digest.of(ONE + TWO + SMALL)
    with DiskStore.open(root) as store:
        assert READERS[reader](store, whole) == ONE + TWO + SMALL
        assert verify(store).clean


def test_no_byte_is_stored_twice(root, parts, whole):
    with DiskStore.open(root) as store:
        assert not list((root / "blobs").glob(f"*/{whole.hash}*"))
        again = store.blobs.put_parts([whole, parts[0]])
        assert store.bytes.parts_of(again) == [*parts, parts[0]], "a list of lists is a list of what those name"
        assert info(store).total_bytes < len(ONE) + len(TWO) + 1_000_000


def test_what_is_small_is_no_list(root, parts):
    with DiskStore.open(root) as store:
        digest = store.blobs.put_parts([parts[2], parts[2]])
        assert store.bytes.parts_of(digest) == []
        assert store.blobs.get_bytes(digest) == SMALL + SMALL
        assert store.blobs.put_parts([]) == Digest.of(b"")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("reader", READERS)
def test_a_flipped_bit_of_a_part_is_found_by_who_reads_the_whole(root, parts, whole, which, reader):
    flip(file_of(root, parts[which]))
    with DiskStore.open(root) as store:
        with pytest.raises(BlobMissing) as caught:
            READERS[reader](store, whole)
        assert caught.value.digest == whole, "the caller knows who made the whole, not who made its parts"
        assert store.blobs.missing([*parts, whole]) == {parts[which], whole}
        assert store.blobs.put_bytes((ONE, TWO)[which]) == parts[which]
        assert not store.blobs.missing([whole]), "with its parts it is there again"
        assert READERS[reader](store, whole) == ONE + TWO + SMALL


def test_a_part_that_is_gone_makes_the_whole_missing_and_its_result_unknown(root, parts, whole):
    key = Digest.of(b"key")
    with DiskStore.open(root) as store:
        store.actions.put(key, ActionResult(files=(OutputFile("image", whole),)))
        file_of(root, parts[0]).unlink()
        assert not store.blobs.has(whole)
        assert store.actions.get(key) is None


@pytest.mark.parametrize("how", ["flipped", "cut by an entry", "emptied"])
def test_a_damaged_list_is_missing_and_verify_says_so(root, parts, whole, how):
    with contextlib.closing(sqlite3.connect(root / "store.sqlite")) as connection, connection:
        number, data = connection.execute(
            "SELECT id, data FROM packed WHERE id = (SELECT packed FROM blobs WHERE hash = ?)", (bytes.fromhex(whole.hash),)
        ).fetchone()
        changed = {"flipped": data[:20] + bytes([data[20] ^ 1]) + data[21:], "cut by an entry": data[:-40], "emptied": b""}[how]
        connection.execute("UPDATE packed SET data = ? WHERE id = ?", (changed, number))
    with DiskStore.open(root) as store:
        assert verify(store).damaged == [f"blob {whole}"]
        assert not store.blobs.has(whole)
        assert store.blobs.put_parts(parts) == whole
        assert store.blobs.get_bytes(whole) == ONE + TWO + SMALL
        assert verify(store).clean


def test_a_list_that_hashes_to_another_name_is_damage(root, parts, whole, monkeypatch):
    """As no reader can tell: each part is right, and the list is what was written."""
    with DiskStore.open(root) as store:
        other = Digest(blake3(b"other").hexdigest(), whole.size)
        monkeypatch.setattr(Begun, "digest", lambda _: other)
        assert store.blobs.put_parts(parts) == other
        monkeypatch.undo()
        assert verify(store, repair=True).damaged == [f"blob {other}"]
        assert not store.blobs.has(other)


@pytest.mark.parametrize("repair", [False, True])
def test_verify_tells_of_the_part_and_repairs_both(root, parts, whole, repair):
    path = file_of(root, parts[0])
    path.chmod(0o644)
    path.write_bytes(ONE[:-1] + b"\0")
    with DiskStore.open(root) as store:
        report = verify(store, repair=repair)
        assert report.damaged == [f"blob {parts[0]}"]
        assert f"parts of {whole}" in report.leftovers
        assert store.blobs.has(parts[0]) is not repair
        assert verify(store).clean is repair


def test_a_collector_takes_the_list_before_its_parts_and_neither_alone(root, parts, whole):
    """The list was used lately, its parts long ago: they are in use as lately as the list."""
    with DiskStore.open(root) as store:
        old = int(time.time()) - 40 * 86_400
        with store.database.transaction() as connection:
            connection.executemany("UPDATE blobs SET used = ? WHERE hash = ?", [(old, bytes.fromhex(part.hash)) for part in parts])
        collect(store, GcPolicy(max_age_s=30 * 86_400))
        assert not store.blobs.missing([*parts, whole])
        collect(store, GcPolicy(max_bytes=len(ONE)))
        assert store.blobs.missing([whole]) == {whole}
        assert store.blobs.missing(parts) != set(parts)


def test_parts_are_used_when_the_list_is_found(root, parts, whole):
    with DiskStore.open(root) as store:
        with store.database.transaction() as connection:
            connection.execute("UPDATE blobs SET used = used - 7200")
        assert store.blobs.has(whole)
        used = store.database.rows("SELECT min(used) FROM blobs")[0][0]
        assert used > time.time() - 3600


def test_a_part_that_is_collected_while_a_list_is_made_is_missing(root, parts, monkeypatch):
    with DiskStore.open(root) as store:
        real = Begun.digest

        def collected_meanwhile(begun):
            store.bytes.discard(parts[0])
            return real(begun)

        monkeypatch.setattr(Begun, "digest", collected_meanwhile)
        with pytest.raises(BlobMissing) as caught:
            store.blobs.put_parts(parts)
        assert caught.value.digest == parts[0]


def test_a_file_of_the_same_bytes_takes_the_place_of_a_list_that_has_lost_a_part(root, parts, whole):
    with DiskStore.open(root) as store:
        file_of(root, parts[0]).unlink()
        assert store.blobs.put_bytes(ONE + TWO + SMALL) == whole
        assert store.blobs.get_bytes(whole) == ONE + TWO + SMALL
        store.flush()
        report = verify(store)
        assert not any(item.startswith("packed") for item in report.leftovers)


def test_what_a_result_takes_counts_the_parts(root, parts, whole):
    recipe, key = Digest.of(b"recipe"), Digest.of(b"key")
    with DiskStore.open(root) as store:
        store.actions.put(key, ActionResult(files=(OutputFile("image", whole),)))
        store.actions.put_recipe(recipe, key)
        store.flush()
        assert stored_bytes(store, [recipe.hash]) > len(ONE)
