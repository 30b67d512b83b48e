"""Digests of source files: what stat says is trusted, except where git would not trust it."""

import os
import time

import pytest

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed, Interrupted
from lkbuild.execution.sources import SourceDigests
from lkbuild.model.artifact import SourceFile

OLD = time.time() - 3600


def write(root, name, text, when=OLD):
    path = root / name
    path.write_text(text)
    os.utime(path, (when, when))
    return path


def test_a_file_that_stat_knows_is_not_read_again(tmp_path, monkeypatch):
    write(tmp_path, "a", "one")
    memory = tmp_path / "memory"
    first = SourceDigests(tmp_path, memory)
    expected = first.file(SourceFile("a"))
    # ctime is now, whatever mtime says: only a file that has been left alone for a while is remembered.
    monkeypatch.setattr("lkbuild.execution.sources._RACY_NS", 0)
    again = SourceDigests(tmp_path, memory)
    again.file(SourceFile("a"))
    again.save()
    monkeypatch.setattr(Digest, "of_file", lambda _: pytest.fail("it was read"))
    assert SourceDigests(tmp_path, memory).file(SourceFile("a")) == expected


def test_a_file_changed_a_moment_ago_is_not_remembered(tmp_path):
    write(tmp_path, "a", "one", time.time())
    memory = tmp_path / "memory"
    digests = SourceDigests(tmp_path, memory)
    digests.file(SourceFile("a"))
    digests.save()
    write(tmp_path, "a", "two", time.time())
    assert SourceDigests(tmp_path, memory).file(SourceFile("a")).digest == Digest.of(b"two")


@pytest.mark.parametrize("damage", [b"", b"\x00", b"garbage" * 100, b"\xfb\x02\x00\x00\x00"])
def test_a_damaged_memory_costs_time_and_nothing_else(tmp_path, damage):
    write(tmp_path, "a", "one")
    memory = tmp_path / "memory"
    memory.write_bytes(damage)
    assert SourceDigests(tmp_path, memory).file(SourceFile("a")).digest == Digest.of(b"one")


def test_the_executable_bit_is_seen(tmp_path):
    write(tmp_path, "a", "one").chmod(0o755)
    assert SourceDigests(tmp_path).file(SourceFile("a")).executable


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None, os.mkfifo])
def test_what_is_no_readable_file_is_an_error(tmp_path, make):
    make(tmp_path / "a")
    with pytest.raises(BuildFailed):
        SourceDigests(tmp_path).file(SourceFile("a"))


def test_a_build_that_is_stopped_reads_no_other_file_and_remembers_those_that_it_read(tmp_path, monkeypatch):
    monkeypatch.setattr("lkbuild.execution.sources._RACY_NS", 0)
    write(tmp_path, "a", "one")
    write(tmp_path, "b", "two")
    enough = []

    def checkpoint():
        if enough:
            raise Interrupted("enough")

    digests = SourceDigests(tmp_path, tmp_path / "memory", checkpoint)
    expected = digests.file(SourceFile("a"))
    enough.append(True)
    with pytest.raises(Interrupted):
        digests.file(SourceFile("b"))
    assert digests.file(SourceFile("a")) == expected
    assert list(digests.looked_at()) == ["a"]
    digests.save()
    monkeypatch.setattr(Digest, "of_file", lambda _: pytest.fail("it was read"))
    assert SourceDigests(tmp_path, tmp_path / "memory").file(SourceFile("a")) == expected
