"""The first parts of a list are read before it is put: what comes of it is the same, whatever happened to them and whatever is put."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from blake3 import blake3
from harness.store_files import file_of, flip

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore
from lkbuild.store.verify import verify

# The second compresses; the last parts are few bytes beside the first, so that a list with others of them proves those.
CONTENTS = [blake3(b"one").digest(900_000), blake3(b"two").digest(100_000) * 9, blake3(b"three").digest(200_000)]
OTHER = blake3(b"other").digest(200_000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def parts(root: Path) -> list[Digest]:
    with DiskStore.open(root) as store:
        return [store.blobs.put_bytes(data) for data in CONTENTS]


@pytest.fixture(params=["never put", "put before"])
def before(request, root: Path, parts: list[Digest]) -> str:
    """Whether a list of the same parts is stored: then they are hashed once, against its digest."""
    if request.param == "put before":
        with DiskStore.open(root) as store:
            store.blobs.put_parts(parts)
    return request.param


def reads(monkeypatch, store: DiskStore) -> list[Digest]:
    """What is read from now on, checked at its end."""
    found: list[Digest] = []
    real = store.bytes.chunks
    monkeypatch.setattr(store.bytes, "chunks", lambda digest: found.append(digest) or real(digest))
    return found


def test_what_was_expected_is_read_once_and_the_rest_when_it_comes(root, parts, before, monkeypatch):
    with DiskStore.open(root) as store:
        read = reads(monkeypatch, store)
        store.blobs.expect_parts(parts[:2])
        other = store.blobs.put_bytes(OTHER)
        assert store.blobs.put_parts([*parts[:2], other]) == Digest.of(CONTENTS[0] + CONTENTS[1] + OTHER)
        assert read == ([other] if before == "put before" else [*parts[:2], other])
        assert verify(store).clean


@pytest.mark.parametrize("others", [slice(1, None), slice(0, 1), slice(0, 0)], ids=["not the first", "fewer", "none"])
def test_another_list_than_was_expected_is_what_it_is(root, parts, before, others):
    with DiskStore.open(root) as store:
        store.blobs.expect_parts(parts[:2])
        assert store.blobs.put_parts(parts[others]) == Digest.of(b"".join(CONTENTS[others]))
        assert store.blobs.put_parts(parts) == Digest.of(b"".join(CONTENTS))


def test_what_was_expected_serves_one_list_and_the_next_is_read_again(root, parts, before):
    with DiskStore.open(root) as store:
        other = store.blobs.put_bytes(OTHER)
        store.blobs.expect_parts(parts[:2])
        for last, content in ((other, OTHER), (parts[2], CONTENTS[2])):
            assert store.blobs.put_parts([*parts[:2], last]) == Digest.of(CONTENTS[0] + CONTENTS[1] + content)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("how", [flip, Path.unlink], ids=["flipped", "gone"])
def test_an_expected_part_that_is_damaged_or_gone_is_missing_when_it_is_needed_and_not_before(root, parts, before, which, how):
    how(file_of(root, parts[which]))
    with DiskStore.open(root) as store:
        other = store.blobs.put_bytes(OTHER)
        store.blobs.expect_parts(parts[:2])
        with pytest.raises(BlobMissing) as caught:
            store.blobs.put_parts([*parts[:2], other])
        assert caught.value.digest == parts[which]
        assert store.blobs.put_bytes(CONTENTS[which]) == parts[which]
        assert store.blobs.put_parts([*parts[:2], other]) == Digest.of(CONTENTS[0] + CONTENTS[1] + OTHER)


@pytest.mark.parametrize("how", [flip, Path.unlink], ids=["flipped", "gone"])
def test_where_the_rest_of_the_list_before_is_lost_the_parts_are_checked_one_by_one(root, parts, how, monkeypatch):
    with DiskStore.open(root) as store:
        store.blobs.put_parts(parts)
    how(file_of(root, parts[2]))
    with DiskStore.open(root) as store:
        read = reads(monkeypatch, store)
        other = store.blobs.put_bytes(OTHER)
        store.blobs.expect_parts(parts[:2])
        assert store.blobs.put_parts([*parts[:2], other]) == Digest.of(CONTENTS[0] + CONTENTS[1] + OTHER)
        assert read == [*parts[:2], other]


def test_a_part_that_is_collected_after_it_was_read_is_missing(root, parts, before):
    """Its bytes were right, and a list of what is not there would be none."""
    with DiskStore.open(root) as store:
        other = store.blobs.put_bytes(OTHER)
        store.blobs.expect_parts(parts[:2])
        store.bytes.foresight._expected.end()
        store.bytes.discard(parts[0])
        with pytest.raises(BlobMissing) as caught:
            store.blobs.put_parts([*parts[:2], other])
        assert caught.value.digest == parts[0]


def test_a_store_that_is_closed_reads_no_more(root, parts, before):
    with DiskStore.open(root) as store:
        store.blobs.expect_parts(parts[:2])
    assert not [thread.name for thread in threading.enumerate() if thread.name == "foreseen parts"]


def test_a_store_of_before_the_index_of_lists_gets_it_when_it_is_opened(root, parts):
    with contextlib.closing(sqlite3.connect(root / "store.sqlite")) as connection, connection:
        connection.execute("DROP INDEX lists")
    with DiskStore.open(root) as store:
        whole = store.blobs.put_parts(parts)
        store.flush()
        assert [known.whole for known in store.bytes.recent_lists()] == [whole]
        plan = store.database.rows("EXPLAIN QUERY PLAN SELECT hash FROM blobs WHERE kind = 4 ORDER BY used DESC LIMIT 16")
        assert any("USING INDEX lists" in str(row) or "COVERING INDEX lists" in str(row) for row in plan), plan
