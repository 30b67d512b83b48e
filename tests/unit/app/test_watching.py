"""What the kernel tells of directories, and which of it matters."""

import os
from pathlib import Path

import pytest

from lkbuild.app.watching.inotify import Change, Inotify, limit
from lkbuild.app.watching.interest import Interest
from lkbuild.app.watching.observer import Interests, Observer


def changes(inotify):
    """All that is waiting, by path, and whether something was lost."""
    found, lost = {}, False
    while (batch := inotify.read(0)).changes or batch.lost:
        lost = lost or batch.lost
        for change in batch.changes:
            found[change.path] = found.get(change.path, False) or change.listing
    return found, lost


@pytest.fixture
def inotify():
    with Inotify() as made:
        yield made


def test_what_is_written_made_renamed_and_removed_is_told(inotify, tmp_path):
    (tmp_path / "old").write_text("x")
    assert inotify.set(frozenset({str(tmp_path)})) == {str(tmp_path)}
    (tmp_path / "old").write_text("y")
    assert changes(inotify) == ({f"{tmp_path}/old": False}, False)
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "new").chmod(0o700)
    assert changes(inotify) == ({f"{tmp_path}/old": True, f"{tmp_path}/new": True}, False)
    (tmp_path / "new").unlink()
    assert changes(inotify) == ({f"{tmp_path}/new": True}, False)


def test_reading_tells_nothing(inotify, tmp_path):
    (tmp_path / "file").write_text("x")
    inotify.set(frozenset({str(tmp_path)}))
    (tmp_path / "file").read_text()
    list(tmp_path.iterdir())
    assert changes(inotify) == ({}, False)


def test_a_queue_that_was_full_is_told(inotify, tmp_path):
    length = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if length > 200_000:
        pytest.skip("the kernel's queue is too long to be filled")
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("x")
    inotify.set(frozenset({str(tmp_path)}))
    for number in range(length + 1):
        os.utime(files[number % 2])
    assert changes(inotify)[1]
    assert changes(inotify) == ({}, False)


def test_a_directory_that_was_renamed_is_watched_no_more_nor_what_is_below_it(inotify, tmp_path):
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    inotify.set(frozenset({str(tmp_path), str(tmp_path / "a"), str(below)}))
    (tmp_path / "a").rename(tmp_path / "c")
    changes(inotify)
    assert inotify.watched == {str(tmp_path)}
    below.mkdir(parents=True)
    assert inotify.set(frozenset({str(tmp_path), str(below)})) == {str(below)}
    (below / "file").write_text("x")
    assert f"{below}/file" in changes(inotify)[0]


def test_a_directory_that_is_gone_is_left_out(inotify, tmp_path):
    assert inotify.set(frozenset({str(tmp_path / "none")})) == frozenset()
    assert inotify.watched == frozenset()


def test_two_paths_of_one_directory_are_both_told(inotify, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    inotify.set(frozenset({f"{tmp_path}/real", f"{tmp_path}/link"}))
    (tmp_path / "real/file").write_text("x")
    assert set(changes(inotify)[0]) == {f"{tmp_path}/real/file", f"{tmp_path}/link/file"}
    inotify.set(frozenset({f"{tmp_path}/link"}))
    (tmp_path / "real/file").write_text("y")
    assert set(changes(inotify)[0]) == {f"{tmp_path}/link/file"}


def test_a_limit_is_the_lower_of_host_and_namespace():
    found = limit("max_user_watches", "max_inotify_watches")
    assert found.value == int(Path("/proc/sys", *found.sysctl.split(".")).read_text(encoding="ascii")) > 0


def test_of_a_listed_directory_entries_count_and_contents_only_where_they_were_read(tmp_path):
    root = str(tmp_path)
    (tmp_path / "read").write_text("x")
    interest = Interest.of(root, ["", "read"])
    assert interest.directories() == {root}
    assert interest.of_change(Change(root, "read", listing=False)) == f"{root}/read"
    assert interest.of_change(Change(root, "other", listing=False)) is None
    assert interest.of_change(Change(root, "other", listing=True)) == f"{root}/other"
    assert interest.of_change(Change(root, "", listing=True)) == root
    assert interest.of_change(Change(root, "lkbuild-out", listing=True)) is None


def test_what_is_missing_is_waited_for_where_it_would_begin(tmp_path):
    root = str(tmp_path)
    interest = Interest.of(root, ["a/b/c"])
    assert interest.directories() >= {root}
    assert interest.of_change(Change(root, "a", listing=True)) == f"{root}/a/b/c"
    assert interest.of_change(Change(root, "b", listing=True)) is None


def test_each_link_on_the_way_to_a_file_counts(tmp_path):
    root = str(tmp_path)
    for folder in ("x", "y", "z"):
        (tmp_path / folder).mkdir()
    (tmp_path / "z/file").write_text("x")
    (tmp_path / "y/link").symlink_to("../z/file")
    (tmp_path / "x/link").symlink_to("../y/link")
    interest = Interest.of(root, ["x/link"])
    assert interest.directories() == {f"{root}/x", f"{root}/y", f"{root}/z"}
    for folder, name in (("x", "link"), ("y", "link"), ("z", "file")):
        assert interest.of_change(Change(f"{root}/{folder}", name, listing=False)) == f"{root}/x/link"


def test_a_link_to_itself_ends(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert Interest.of(str(tmp_path), ["loop"]).directories() == {str(tmp_path)}


def test_events_of_before_the_wait_are_early_and_what_does_not_matter_does_not_end_it(inotify, tmp_path):
    for name in ("mine", "other"):
        (tmp_path / name).write_text("x")
    root = str(tmp_path)
    none = Interest.of(root, [])
    observer = Observer(inotify)
    assert observer.observe(Interests(Interest.of(root, ["mine"]), none, none))
    assert not observer.observe(Interests(Interest.of(root, ["mine"]), none, none))
    (tmp_path / "other").write_text("y")
    (tmp_path / "mine").write_text("y")
    touched = observer.wait()
    assert (touched.paths(), touched.early, touched.lost) == ((f"{root}/mine",), True, False)
