"""What stat says is believed within one boot: when the power fails, names, sizes and times may outlive the bytes."""

import os
import time

import pytest

from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base import boots
from lkbuild.base.digest import Digest
from lkbuild.base.snapshot_format import key_of
from lkbuild.execution.sources import SourceDigests
from lkbuild.model.artifact import SourceFile
from lkbuild.store.disk import DiskStore

BEFORE, LOST = b"x" * 100_000, bytes(100_000)


@pytest.fixture
def reboot(monkeypatch):
    """Another boot: the kernel gives it another name."""
    monkeypatch.setattr(boots, "_known", ["an earlier boot"])
    return lambda: monkeypatch.setattr(boots, "_known", ["this boot"])


def written(folder):
    """An output that a build has written and remembers."""
    output = folder / "initrd"
    output.write_bytes(BEFORE)
    state = WorkspaceState(folder / "state")
    state.remember(str(output), str(folder), Digest.of(BEFORE))
    state.save(())
    return output


def lose(path):
    """Other bytes, and nothing else that stat tells."""
    status, mode = path.stat(), path.stat().st_mode & 0o777
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(LOST)
    path.chmod(mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_kernel_names_its_boot(monkeypatch):
    monkeypatch.setattr(boots, "_known", [])
    assert boots.boot_id() == boots.boot_id() != ""


@pytest.mark.parametrize("lost", [False, True])
def test_an_output_is_read_once(tmp_path, reboot, lost):
    output = written(tmp_path)
    reboot()
    if lost:
        lose(output)
    after = WorkspaceState(tmp_path / "state")
    assert after.file_at(str(output)) is None
    assert after.is_current(str(output), Digest.of(BEFORE)) is not lost
    after.save(())
    if not lost:
        again = WorkspaceState(tmp_path / "state")
        assert again.file_at(str(output)).digest == Digest.of(BEFORE)


def test_doubts_outlast_builds_of_other_targets(tmp_path, reboot):
    output = written(tmp_path)
    reboot()
    WorkspaceState(tmp_path / "state").save(())
    lose(output)
    assert not WorkspaceState(tmp_path / "state").is_current(str(output), Digest.of(BEFORE))


def test_a_source_is_read_again(tmp_path, reboot, monkeypatch):
    monkeypatch.setattr("lkbuild.execution.sources._RACY_NS", 0)
    monkeypatch.setattr(os, "stat", without_ctime(os.stat))
    source = tmp_path / "a"
    source.write_bytes(BEFORE)
    os.utime(source, (time.time() - 3600,) * 2)
    before = SourceDigests(tmp_path, tmp_path / "memory")
    assert before.file(SourceFile("a")).digest == Digest.of(BEFORE)
    before.save()
    lose(source)
    assert SourceDigests(tmp_path, tmp_path / "memory").file(SourceFile("a")).digest == Digest.of(BEFORE)
    reboot()
    assert SourceDigests(tmp_path, tmp_path / "memory").file(SourceFile("a")).digest == Digest.of(LOST)


def without_ctime(stat):
    """A stat by which nobody can tell that bytes were lost: on the disk, the inode is what it was."""

    class Status:
        def __init__(self, status):
            self._status, self.st_ctime_ns = status, 0

        def __getattr__(self, name):
            return getattr(self._status, name)

    return lambda *arguments, **named: Status(stat(*arguments, **named))


@pytest.mark.parametrize("executable", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_a_file_for_mounting_is_read_once_or_made_anew(tmp_path, reboot, lost, executable):
    with DiskStore.open(tmp_path / "store") as store:
        digest = store.blobs.put_bytes(BEFORE)
        path = store.blobs.path_of(digest, executable=executable)
    if lost:
        lose(path)
        with DiskStore.open(tmp_path / "store") as store:
            assert store.blobs.path_of(digest, executable=executable).read_bytes() == LOST
    inode = path.stat().st_ino
    reboot()
    with DiskStore.open(tmp_path / "store") as store:
        again = store.blobs.path_of(digest, executable=executable)
        assert again.read_bytes() == BEFORE
        assert lost or again.stat().st_ino == inode
        assert not path.exists()


def test_a_file_of_an_lkbuild_that_knew_no_boots_is_taken_over(tmp_path):
    with DiskStore.open(tmp_path / "store") as store:
        digest = store.blobs.put_bytes(BEFORE)
        path = store.blobs.path_of(digest)
        older = tmp_path / "store/expanded" / digest.hash[:2] / digest.hash
        older.parent.mkdir()
        path.rename(older)
        inode = older.stat().st_ino
        assert store.blobs.path_of(digest).stat().st_ino == inode


def test_a_snapshot_is_of_one_boot(reboot):
    before = key_of(["build"], {}, "/")
    reboot()
    assert key_of(["build"], {}, "/") != before
