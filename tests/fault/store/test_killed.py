"""SIGKILL: at each point where something becomes durable, and at any time."""

from __future__ import annotations

import signal
import time

import pytest

from lkbuild.store.disk import DiskStore
from lkbuild.store.verify import verify


def inspect(root, child, numbers):
    """The store is usable, right, and holds no folder of a dead process; returns which results it has."""
    with DiskStore.open(root) as store:
        assert store.lease is not None
        assert [path.name for path in store.layout.tmp.iterdir()] == [store.lease.name]
        there = [number for number in numbers if child.check(store, number)]
        report = verify(store)
        assert report.clean, report
        assert verify(store, repair=True).clean
        assert verify(store).leftovers == []
        assert there == [number for number in numbers if child.check(store, number)]
    return there


@pytest.mark.slow
def test_killed_at_every_durability_point_of_a_build(tmp_path, run_child, child):
    seen = []
    for point in range(1, 400):
        root, scratch = tmp_path / f"store{point}", tmp_path / f"scratch{point}"
        scratch.mkdir()
        ended = run_child("killed", root, scratch, point, "put")
        there = inspect(root, child, range(2)) if (root / "FORMAT").exists() else []
        seen.append(there)
        committed = [int(line) for line in ended.stdout.split()]
        assert set(committed) <= set(there), "what was committed is there"
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(seen) > 40, "the points were counted"
    assert seen[-1] == [0, 1]
    assert [] in seen
    assert [0] in seen


@pytest.mark.slow
def test_killed_at_every_durability_point_of_a_collection(tmp_path, run_child, child):
    ended, point = None, 0
    while ended is None or ended.returncode != 0:
        point += 1
        root, scratch = tmp_path / f"store{point}", tmp_path / f"scratch{point}"
        scratch.mkdir()
        assert run_child("puts", root, scratch, 0, 2).returncode == 0
        ended = run_child("killed", root, scratch, point, "collect")
        with DiskStore.open(root) as store:
            there = [number for number in range(2) if child.check(store, number)]
            assert verify(store).clean
            assert verify(store, repair=True).clean
            assert verify(store).leftovers == []
            assert [number for number in range(2) if child.check(store, number)] == there
            assert child.one_action(store, child.work(scratch, 0), 0)
            assert child.check(store, 0)
    assert point > 10, "the points were counted"


def test_killed_at_any_time(tmp_path, start_child, child):
    root = tmp_path / "store"
    done = 0
    for wait in (0.0, 0.005, 0.013, 0.021, 0.034, 0.055):
        process = start_child("puts", root, tmp_path, done, 1000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.kill()
        told = process.communicate()[0].split()
        done += 1 + len(told)
        assert set(range(done)) <= set(inspect(root, child, range(done + 1)))


def test_one_of_two_is_killed_and_the_other_finishes(tmp_path, start_child, child):
    root = tmp_path / "store"
    victim, survivor = start_child("puts", root, tmp_path, 0, 1000), start_child("puts", root, tmp_path, 0, 20)
    assert victim.stdout is not None
    victim.stdout.readline()
    victim.kill()
    victim.communicate()  # until then it may still hold its lease
    _, errors = survivor.communicate()
    assert survivor.returncode == 0, errors
    assert inspect(root, child, range(20)) == list(range(20))
