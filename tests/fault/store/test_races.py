"""Several processes on one store, doing the same things at once; and a folder that can't be written to."""

from __future__ import annotations

from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.verify import verify


def test_processes_that_race_the_same_puts_agree(tmp_path, start_child, child):
    root = tmp_path / "store"
    racers = [start_child("puts", root, tmp_path, 0, 15) for _ in range(4)]
    for racer in racers:
        _, errors = racer.communicate()
        assert racer.returncode == 0, errors
    with DiskStore.open(root) as store:
        assert all(child.check(store, number) for number in range(15))
        report = verify(store)
        assert report.clean
        assert report.leftovers == []


def test_collecting_takes_nothing_from_running_builds(tmp_path, start_child, child):
    root = tmp_path / "store"
    with DiskStore.open(root) as store:
        racers = [start_child("puts", root, tmp_path, number * 10, 10) for number in range(2)]
        in_use = 0
        while any(racer.poll() is None for racer in racers):
            in_use = max(in_use, collect(store, GcPolicy(max_bytes=0)).in_use)
            if in_use == 2:
                break
        for racer in racers:
            _, errors = racer.communicate()
            assert racer.returncode == 0, errors
        assert verify(store).clean


def test_a_read_only_store_is_served(tmp_path, run_child, in_namespace, child):
    root = tmp_path / "store"
    with DiskStore.open(root) as store:
        digest = store.blobs.put_bytes(b"served")
        child.one_action(store, child.work(tmp_path, 0), 0)
        result = store.actions.get(child.Digest.of(b"key 0"))
        assert result is not None
        store.blobs.path_of(result.files[0].digest)
    ended = run_child("readonly", root, digest, before=in_namespace(f"mount --bind {root} {root} && mount -o remount,bind,ro {root}"))
    assert ended.returncode == 0, ended.stderr
