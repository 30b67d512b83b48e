"""Large outputs: copied with their holes, or made out of the build before's where most bytes stay. Nobody who has one sees it change."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from lkbuild.app import copying
from lkbuild.app.materialise import Materialiser
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base import atomic
from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobMissing
from lkbuild.model.tree import File
from lkbuild.store.disk import DiskStore

PART = 100_000
FEW = 3 * PART


@pytest.fixture
def store(tmp_path):
    with DiskStore.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    monkeypatch.setattr(copying, "LARGE", FEW)
    monkeypatch.setattr("lkbuild.app.materialise.LARGE", FEW)


def content(*seeds):
    """Bytes of a part of each seed; zero is zeros."""
    return [blake3(str(seed).encode()).digest(PART) if seed else bytes(PART) for seed in seeds]


class Written:
    """An output as builds write it."""

    def __init__(self, store, folder):
        self.store, self.folder, self.path = store, folder, folder / "initrd"
        self.state = WorkspaceState(folder / "state")
        self.materialiser = Materialiser(store.blobs, None, None, self.state, folder)

    def write(self, *seeds):
        """Write parts one after the other; their bytes."""
        parts = content(*seeds)
        whole = self.store.blobs.put_parts([self.store.blobs.put_bytes(part) for part in parts])
        assert whole == Digest.of(b"".join(parts))
        self.materialiser._file(File(whole, executable=False), self.path, str(self.folder))
        return b"".join(parts)

    def inode(self):
        return self.path.stat().st_ino


@pytest.fixture
def written(store, tmp_path):
    made = Written(store, tmp_path / "out")
    made.first = made.write(1, 2, 3, 4, 5)
    return made


def test_what_stays_is_not_written_again(written):
    inode = written.inode()
    assert written.write(1, 2, 3, 4, 6) == written.path.read_bytes()
    assert written.inode() == inode
    assert written.path.stat().st_mode & 0o777 == 0o644


def test_what_becomes_zeros_is_zeros(written):
    assert written.write(1, 2, 3, 0, 0, 6) == written.path.read_bytes()


def test_a_file_that_somebody_has_open_stays_as_it_is_for_them(written):
    with written.path.open("rb") as reader:
        assert written.write(1, 2, 3, 4, 6) == written.path.read_bytes()
        assert reader.read() == written.first


def test_another_name_of_a_file_keeps_its_bytes(written, tmp_path):
    os.link(written.path, tmp_path / "kept")
    assert written.write(1, 2, 3, 4, 6) == written.path.read_bytes()
    assert (tmp_path / "kept").read_bytes() == written.first


def test_on_a_file_system_that_other_machines_have_a_file_is_never_changed(written, monkeypatch):
    """The kernel gives a lease there without knowing who has the file open: a virtual machine's host that boots from it."""
    monkeypatch.setattr(atomic, "_file_system", lambda _: "virtiofs")
    inode = written.inode()
    with written.path.open("rb") as reader:
        monkeypatch.setattr(atomic.fcntl, "fcntl", lambda *_: 0)
        assert written.write(1, 2, 3, 4, 6) == written.path.read_bytes()
        assert reader.read() == written.first
    assert written.inode() != inode


def test_the_file_system_of_a_file_is_known(tmp_path):
    with (tmp_path / "file").open("wb") as file, Path("/proc/self/status").open("rb") as other:
        assert atomic._file_system(file.fileno()) in subprocess.check_output(["stat", "-f", "-c", "%T", tmp_path], text=True).replace(
            "ext2/", "ext2/ext4/"
        )
        assert atomic._file_system(other.fileno()) == "proc"


def test_a_file_that_somebody_changed_is_written_whole(written):
    with written.path.open("r+b") as file:
        file.write(b"changed")
    assert written.write(1, 2, 3, 4, 6) == written.path.read_bytes()


def test_a_part_that_is_gone_leaves_no_file_of_both(written, store):
    gone = Digest.of(*content(6))

    def read(digest):
        if digest == gone:
            raise BlobMissing(digest)
        return store.blobs.open(digest)

    before = [Digest.of(part) for part in content(1, 2, 3, 4, 5)]
    with pytest.raises(BlobMissing):
        copying.amend(written.path, before, [*before[:4], gone], read, lambda: True)
    assert [path.name for path in written.folder.iterdir()] == []


def test_holes_stay_holes(store, tmp_path):
    blob = store.blobs.put_bytes(bytes(8 << 20) + b"end")
    made = Written(store, tmp_path / "out")
    made.materialiser._file(File(blob, executable=False), made.path, str(made.folder))
    assert Digest.of_file(made.path) == blob
    assert made.path.stat().st_blocks * 512 < 1 << 20


def test_what_killed_builds_have_left_is_removed(written, monkeypatch):
    (written.folder / ".tmp-left").write_bytes(b"of a killed build")
    with (written.folder / ".tmp-busy").open("wb") as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        written.write(1, 2, 3, 4, 6)
        assert {path.name for path in written.folder.iterdir()} == {"initrd", ".tmp-left", ".tmp-busy"}
        monkeypatch.setattr(atomic, "_FRESH_S", -1)
        written.write(1, 2, 3, 4, 5)
        assert {path.name for path in written.folder.iterdir()} == {"initrd", ".tmp-busy"}


seeds = st.lists(st.integers(0, 3), min_size=3, max_size=8)


@settings(max_examples=60, deadline=None)
@given(builds=st.lists(seeds, min_size=2, max_size=4))
def test_whatever_was_there_a_file_is_what_was_built(tmp_path_factory, builds):
    folder = tmp_path_factory.mktemp("property")
    with DiskStore.open(folder / "store") as store:
        made = Written(store, folder / "out")
        for build in builds:
            assert made.write(*build) == made.path.read_bytes()
