"""Directories and files that are used again: nothing tells them from new ones."""

import os
import shutil
import stat

import pytest

from lkbuild.execution.spares import Spares


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def spares(tmp_path):
    return Spares(str(tmp_path / "spares"))


def write(spares, path, data=b"x", mode=0o444):
    handle = spares.create(str(path))
    os.write(handle, data)
    os.fchmod(handle, mode)
    os.close(handle)
    return path.stat().st_ino


def test_what_one_action_leaves_the_next_one_gets_under_other_names_and_empty(spares, work):
    file = write(spares, work / "a/b/c", b"secret")
    folders = {(work / "a").stat().st_ino, (work / "a/b").stat().st_ino}
    assert spares.empty(str(work))
    assert not [*work.iterdir()]
    assert write(spares, work / "d/e", b"") == file
    assert (work / "d/e").read_bytes() == b""
    spares.make_folder(str(work / "out"))
    assert {(work / "d").stat().st_ino, (work / "out").stat().st_ino} == folders
    assert not [*(work / "out").iterdir()]


def test_what_is_left_over_by_a_command_is_used_as_well(spares, work):
    spares.make_folder(str(work / "out"))
    (work / "out/made").write_text("made")
    made = (work / "out/made").stat().st_ino
    spares.empty(str(work))
    assert write(spares, work / "staged") == made


def test_an_empty_directory_holds_nothing(spares, work):
    assert not spares.empty(str(work))


def test_a_folder_that_is_there_stays_with_what_is_in_it(spares, work):
    spares.make_folder(str(work / "spare"))
    spares.empty(str(work))
    write(spares, work / "p/file", b"kept")
    spares.make_folder(str(work / "q"))
    spares.empty(str(work))
    write(spares, work / "p/file", b"kept")
    spares.make_folder(str(work / "p"))
    spares.make_folder(str(work / "p/below"))
    assert (work / "p/file").read_bytes() == b"kept"


def test_modes_are_those_of_new_ones(spares, work):
    spares.make_folder(str(work / "plain"))
    plain = (work / "plain").stat().st_mode
    spares.make_folder(str(work / "sticky"))
    (work / "sticky").chmod(0o1777)
    write(spares, work / "program", mode=0o4755)
    spares.empty(str(work))
    for name in ("one", "two"):
        spares.make_folder(str(work / name))
        assert (work / name).stat().st_mode == plain
    handle = spares.create(str(work / "file"))
    assert stat.S_IMODE(os.fstat(handle).st_mode) == 0o600
    os.close(handle)


def test_a_file_that_has_another_name_is_not_used_again(spares, work, tmp_path):
    linked = write(spares, work / "file", b"precious")
    (tmp_path / "elsewhere").hardlink_to(work / "file")
    spares.empty(str(work))
    assert write(spares, work / "next", b"other") != linked
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


def test_what_a_link_leads_to_stays(spares, work, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("x")
    (work / "link").symlink_to(tmp_path / "precious")
    (work / "file").symlink_to(tmp_path / "precious/file")
    assert spares.empty(str(work))
    write(spares, work / "next", b"other")
    assert (tmp_path / "precious/file").read_text() == "x"


def test_one_with_an_attribute_is_not_used_again(spares, work):
    write(spares, work / "file", mode=0o644)
    spares.make_folder(str(work / "folder"))
    try:
        os.setxattr(work / "file", "user.mark", b"1")
        os.setxattr(work / "folder", "user.mark", b"1")
    except OSError:
        pytest.skip("no extended attributes here")
    spares.empty(str(work))
    write(spares, work / "next")
    spares.make_folder(str(work / "other"))
    assert not os.listxattr(work / "next")
    assert not os.listxattr(work / "other")


def test_where_the_spares_were_deleted_new_ones_are_made(spares, work, tmp_path):
    """As by who removes the whole store beside a build: then the store says what is wrong."""
    write(spares, work / "a/b/c")
    spares.empty(str(work))
    shutil.rmtree(tmp_path / "spares")
    spares.make_folder(str(work / "x/y"))
    assert [*(work / "x").iterdir()] == [work / "x/y"]
    write(spares, work / "x/file", b"new")
    assert (work / "x/file").read_bytes() == b"new"


def test_large_files_are_not_kept(spares, work, tmp_path):
    write(spares, work / "large", bytes(100_000))
    spares.empty(str(work))
    assert not (tmp_path / "spares").exists()


def test_pipes_and_sockets_are_removed(spares, work, tmp_path):
    os.mkfifo(work / "pipe")
    assert spares.empty(str(work))
    assert not [*work.iterdir()]
    assert not (tmp_path / "spares").exists()
