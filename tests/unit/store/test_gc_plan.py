"""What a collection takes, and in which order."""

from __future__ import annotations

import time

import pytest
from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.info import info

DAY = 86_400


@pytest.fixture
def store(tmp_path):
    with DiskStore.open(tmp_path / "store") as opened:
        yield opened


def aged(store: DiskStore, digest: Digest, days: int) -> Digest:
    store.flush()
    with store.database.transaction() as connection:
        connection.execute("UPDATE blobs SET used = ? WHERE hash = ?", (int(time.time()) - days * DAY, bytes.fromhex(digest.hash)))
    return digest


def put(store: DiskStore, number: int, days: int, size: int = 100_000) -> Digest:
    return aged(store, store.blobs.put_bytes(blake3(b"%d" % number).digest(size)), days)


def test_the_least_recently_used_goes_first_and_no_more_than_needed(store):
    digests = [put(store, days, days) for days in range(10)]
    report = collect(store, GcPolicy(max_bytes=600_000))
    gone = store.blobs.missing(digests)
    assert gone == set(digests[-report.blobs :])
    assert 4 <= report.blobs <= 6
    assert report.bytes_before - report.bytes_freed <= 600_000


def test_what_is_too_old_goes_however_small_the_store(store):
    young, old = put(store, 1, 1), put(store, 2, 40)
    collect(store, GcPolicy(max_age_s=30 * DAY))
    assert store.blobs.missing([young, old]) == {old}


def test_a_free_space_floor_that_can_never_be_met_takes_all_and_says_so(store):
    put(store, 1, 1)
    report = collect(store, GcPolicy(min_free_bytes=1 << 62))
    assert not report.satisfied
    assert report.blobs == 1


def test_a_dry_run_says_what_would_go_and_takes_nothing(store):
    digest = put(store, 1, 1)
    report = collect(store, GcPolicy(max_bytes=0), dry_run=True)
    assert report.blobs == 1
    assert report.bytes_freed > 90_000
    assert store.blobs.has(digest)


def test_no_limit_takes_nothing(store):
    digest = put(store, 1, 1000)
    assert collect(store, GcPolicy()).blobs == 0
    assert store.blobs.has(digest)


def test_a_result_used_today_keeps_its_old_outputs_and_all_of_its_tree(store, tmp_path):
    (tmp_path / "t/d").mkdir(parents=True)
    inner = b"inner" * 20_000
    (tmp_path / "t/d/f").write_bytes(inner)
    tree, output, key = store.blobs.put_tree(tmp_path / "t"), put(store, 1, 50), Digest.of(b"key")
    old = [output, tree, Digest.of(inner)]
    store.actions.put(key, ActionResult(files=(OutputFile("o", output),), trees=(OutputTree("t", tree),)))
    for digest in old:
        aged(store, digest, 50)
    unused = put(store, 2, 40)
    collect(store, GcPolicy(max_age_s=30 * DAY))
    assert store.blobs.missing([*old, unused]) == {unused}
    assert store.actions.get(key) is not None


def test_a_result_whose_outputs_went_goes_with_its_recipe(store):
    output, key, recipe = put(store, 1, 50), Digest.of(b"key"), Digest.of(b"recipe")
    store.actions.put(key, ActionResult(files=(OutputFile("o", output),)))
    store.actions.put_recipe(recipe, key)
    store.flush()
    assert collect(store, GcPolicy(max_bytes=0)).actions == 1
    assert store.actions.get_recipes([recipe]) == {}
    assert store.database.rows("SELECT count(*) FROM recipes") == [(0,)]


def test_a_collected_tree_is_made_again_from_blobs_put_again(store, tmp_path):
    def put_tree() -> Digest:
        (tmp_path / "t").mkdir(exist_ok=True)
        (tmp_path / "t/f").write_bytes(b"content")
        return store.blobs.put_tree(tmp_path / "t", move=True)

    root = put_tree()
    assert collect(store, GcPolicy(max_bytes=0)).trees == 1
    assert not list(store.layout.trees.iterdir())
    assert put_tree() == root
    assert (store.blobs.tree_path(root) / "f").read_bytes() == b"content"


def test_an_old_blob_that_another_process_has_just_seen_stays(store):
    digest, other = put(store, 1, 50), put(store, 2, 50)
    with DiskStore.open(store.layout.root) as building:
        assert building.blobs.has(digest)
        report = collect(store, GcPolicy(max_bytes=0))
        assert report.in_use == 1
        assert building.blobs.missing([digest, other]) == {other}


def test_info_adds_up(store, tmp_path):
    put(store, 1, 1)
    store.blobs.put_bytes(b"packed")
    (tmp_path / "t").mkdir()
    (tmp_path / "t/f").write_bytes(b"x" * 100_000)
    store.blobs.put_tree(tmp_path / "t", move=True)
    found = info(store)
    counts = {kind.kind: kind.count for kind in found.kinds}
    assert counts == {"packed blobs": 2, "compressed files": 0, "raw files": 2, "trees": 1, "expanded files": 0}
    assert found.content_bytes > 200_000
    assert {kind.kind: kind.bytes for kind in found.kinds}["trees"] == 0, "its one file is the blob's inode"
    assert found.total_bytes > 200_000
