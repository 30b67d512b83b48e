"""No space left on the device: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations


def test_a_full_disk_is_a_clear_error_and_collecting_makes_room_again(tmp_path, run_child, in_namespace):
    mount, scratch = tmp_path / "small", tmp_path / "scratch"
    mount.mkdir()
    scratch.mkdir()
    ended = run_child("full", mount / "store", scratch, before=in_namespace(f"mount -t tmpfs -o size=16m none {mount}"))
    assert ended.returncode == 0, ended.stderr
