"""No space left on the device: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations


def test_a_full_disk_is_a_clear_error_and_collecting_makes_room_again(tmp_path, run_child, in_namespace):
    mount, scratch = tmp_path / "small", tmp_path / "scratch"
    mount.mkdir()
    scratch.mkdir()
    ended = run_child("full", mount / "store", scratch, before=in_namespace(f"mount -t tmpfs -o size=16m none {mount}"))
    assert ended.returncode == 0, ended.stderr


def test_a_full_disk_at_each_durability_point_is_a_clear_error_and_leaves_the_store_right(tmp_path, run_child, in_namespace):
    mount = tmp_path / "small"
    mount.mkdir()
    ended = run_child("full_at_each_point", mount, before=in_namespace(f"mount -t tmpfs -o size=16m none {mount}"))
    assert ended.returncode == 0, ended.stderr
    points, refusals = map(int, ended.stdout.split())
    assert points > 30, "the points were counted"
    assert refusals > points // 2


def test_writes_that_wait_for_room_take_none_from_the_collector(tmp_path, run_child, in_namespace):
    mount = tmp_path / "small"
    mount.mkdir()
    ended = run_child("stolen", mount / "store", before=in_namespace(f"mount -t tmpfs -o size=16m none {mount}"))
    assert ended.returncode == 0, ended.stderr
