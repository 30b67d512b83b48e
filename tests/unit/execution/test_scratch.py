"""Working directories that are used again: nothing tells them from new ones."""

import os
import tempfile
from pathlib import Path

import pytest

from lkbuild.execution.scratch import ScratchPool


@pytest.fixture
def pool(tmp_path):
    return ScratchPool(tmp_path)


def used(pool):
    """The next working directory, given back at once."""
    with pool.take() as scratch:
        return scratch


def test_a_directory_is_used_again_and_empty(pool):
    with pool.take() as first:
        (first.work / "a/b").mkdir(parents=True)
        (first.work / "a/b/c").write_text("left")
        (first.work / "link").symlink_to("/")
        (first.temporary / "t").write_text("left")
    with pool.take() as second:
        assert second == first
        assert not [*second.work.iterdir(), *second.temporary.iterdir()]


def test_two_at_once_are_two(pool):
    with pool.take() as one, pool.take() as two:
        assert one.work != two.work


def test_what_a_link_leads_to_stays(pool, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    with pool.take() as scratch:
        (scratch.work / "link").symlink_to(tmp_path / "precious")
    assert (tmp_path / "precious/file").exists()


def test_modes_that_were_left_do_not_stay(pool):
    with pool.take() as first:
        (first.work / "closed").mkdir(mode=0o000)
        first.work.chmod(0o000)
    with pool.take() as second:
        assert second.work.stat().st_mode & 0o777 == 0o700
        assert not list(second.work.iterdir())


def test_one_that_was_moved_away_with_a_failure_is_given_up(pool, tmp_path):
    with pool.take() as first:
        first.work.rename(tmp_path / "kept")
    assert used(pool) != first
    assert not first.folder.exists()


def test_one_with_an_attribute_is_given_up(pool):
    with pool.take() as first:
        try:
            os.setxattr(first.work, "user.mark", b"1")
        except OSError:
            pytest.skip("no extended attributes here")
    assert used(pool) != first


def test_one_that_has_grown_is_given_up(pool):
    fresh = used(pool).work.stat().st_size
    with pool.take() as first:
        for number in range(300):
            (first.work / f"{number:0100}").touch()
    assert used(pool).work.stat().st_size == fresh


def given_out(pool, path):
    """Whether what is made there is what an action has left."""
    with pool.take() as scratch:
        left = scratch.work / "left"
        left.write_text("left")
        inode = left.stat().st_ino
    handle = pool.new_file(str(path))
    status = os.fstat(handle)
    os.close(handle)
    assert (status.st_size, status.st_mode & 0o777, status.st_nlink) == (0, 0o600, 1)
    return status.st_ino == inode


def test_a_file_for_others_is_what_an_action_left(pool, tmp_path):
    (tmp_path / "out").mkdir()
    assert given_out(pool, tmp_path / "out/a")


def test_where_a_group_or_a_list_is_inherited_a_file_is_new(pool, tmp_path):
    (tmp_path / "out").mkdir()
    os.setxattr(tmp_path / "out", "user.acl", b"as an access list is kept")
    assert not given_out(pool, tmp_path / "out/a")
    (tmp_path / "group").mkdir()
    (tmp_path / "group").chmod(0o2755)
    assert not given_out(pool, tmp_path / "group/a")


def test_on_another_file_system_a_file_is_new(pool, tmp_path):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert Path(other).stat().st_dev != tmp_path.stat().st_dev
        assert not given_out(pool, Path(other) / "a")


def test_without_spares_a_file_is_new(pool, tmp_path):
    os.close(pool.new_file(str(tmp_path / "a")))
    with pytest.raises(FileExistsError):
        pool.new_file(str(tmp_path / "a"))
