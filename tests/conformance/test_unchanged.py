"""lkbuild-unchanged beside Python's way to compare the files of a snapshot: both give the same answer, and it is the right one."""

import os
import struct
import subprocess
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lkbuild.base import file_stats
from lkbuild.base.snapshot_format import PREFIX, WORD, head_size, packed, read_head, stat_of, written

HEAD = (("key",), "/", [], (b"", b""), (b"", b""))


def by_python(file, offset):
    try:
        return file_stats.unchanged_by_python(str(file), offset)
    except (OSError, ValueError):
        return False


def by_program(file, offset):
    done = subprocess.run([file_stats.PROGRAM, file, str(offset)], check=False, capture_output=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert done.returncode in (0, 1)
    return done.returncode == 0


@pytest.fixture
def program():
    if not os.access(file_stats.PROGRAM, os.X_OK):
        pytest.skip("lkbuild was installed without a C compiler")


@pytest.fixture
def folder(tmp_path, monkeypatch, program):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(folder, paths):
    """The file of a snapshot of some files, and where its rest begins."""
    data = written(HEAD, paths, packed([stat_of((folder / path).stat()) for path in paths]))
    (folder / "snapshot").write_bytes(data)
    size = head_size(data[:PREFIX])
    assert read_head(data[:PREFIX], data[PREFIX : PREFIX + size]) == HEAD
    return folder / "snapshot", PREFIX + size


def which(file, offset):
    """The numbers of what has changed, which both ways say; None where the snapshot is damaged."""
    by_python = file_stats.changed_by_python(str(file), offset, str(file.parent))
    done = subprocess.run([file_stats.PROGRAM, file, str(offset), file.parent], check=False, capture_output=True, cwd="/")
    if done.returncode:
        assert by_python is None
        return None
    assert [*struct.unpack(f"{len(done.stdout) // WORD}q", done.stdout)] == by_python
    return by_python


def both(file, offset):
    """What both say; of what has changed, too."""
    (said,) = {by_python(file, offset), by_program(file, offset)}
    assert said == (which(file, offset) == [])
    return said


def make(folder, names):
    for name in names:
        (folder / name).write_bytes(os.fsencode(name))
    return list(names)


CHANGES = {
    "content": lambda path: path.write_text("other"),
    "time": lambda path: os.utime(path, ns=(1, 1)),
    "mode": lambda path: path.chmod(0o600),
    "removed": lambda path: path.unlink(),
    "replaced": lambda path: (path.rename(path.with_name("old")), path.write_text(path.name)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path.name)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("number", [1, 3, 20_000])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_change_of_any_file_is_seen(folder, change, number, place):
    make(folder, ["same", "changed"])
    paths = ["same"] * number
    paths[round(place * (number - 1))] = "changed"
    file, offset = snapshot(folder, paths)
    assert both(file, offset)
    time.sleep(0.02)  # beyond the granularity of the file system's clock
    change(folder / "changed")
    assert not both(file, offset)
    assert which(file, offset) == [number for number, path in enumerate(paths) if path == "changed"]


def test_there_may_be_no_file(folder):
    assert both(*snapshot(folder, []))


def test_a_name_need_not_be_text(folder):
    name = os.fsdecode(b"\xff\n\xc3")
    assert both(*snapshot(folder, make(folder, [name, "ä", "b" * 255])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_snapshot_is_a_change(folder, data):
    file, offset = snapshot(folder, make(folder, ["a", "bb", "ccc"]))
    whole = file.read_bytes()
    broken = bytearray(whole)
    kind = data.draw(st.sampled_from(["flipped", "torn", "longer"]))
    if kind == "flipped":
        broken[data.draw(st.integers(offset, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "torn":
        del broken[data.draw(st.integers(offset, len(whole) - 1)) :]
    else:
        broken += data.draw(st.binary(min_size=1, max_size=3 * WORD))
    file.write_bytes(broken)
    assert not both(file, offset)


@given(data=st.data())
def test_a_damaged_head_is_none(data):
    whole = bytearray(written(HEAD, [], b""))
    end = PREFIX + head_size(bytes(whole[:PREFIX]))
    whole[data.draw(st.integers(0, end - 1))] ^= data.draw(st.integers(1, 255))
    prefix = bytes(whole[:PREFIX])
    assert read_head(prefix, bytes(whole[PREFIX : PREFIX + head_size(prefix)])) is None


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "1", "b"], ["nothing", "0"], ["/", "0"], ["/dev/null", "0"]])
def test_what_it_can_not_read_is_no_snapshot(folder, arguments):
    assert subprocess.run([file_stats.PROGRAM, *arguments], check=False).returncode in (1, 2)
