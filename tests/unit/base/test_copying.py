"""Copies are whole, however they are made."""

import errno
import io
import os
from pathlib import Path

import pytest

from lkbuild.base.copying import copy

DATA = os.urandom(3_000_001)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(DATA)
    return path


def test_a_file_is_copied_whole(source, tmp_path):
    with source.open("rb") as stream, (tmp_path / "target").open("wb") as target:
        copy(stream, target)
    assert (tmp_path / "target").read_bytes() == DATA


def test_a_stream_that_is_no_file_is_copied_whole(tmp_path):
    with (tmp_path / "target").open("wb") as target:
        copy(io.BytesIO(DATA), target)
    assert (tmp_path / "target").read_bytes() == DATA


def test_what_was_written_before_stays_before(source, tmp_path):
    with source.open("rb") as stream, (tmp_path / "target").open("wb") as target:
        target.write(b"head")
        copy(stream, target)
        target.write(b"tail")
    assert (tmp_path / "target").read_bytes() == b"head" + DATA + b"tail"


def test_a_file_is_copied_to_another_file_system(source):
    elsewhere = Path("/dev/shm") / f"lkbuild-copying-{os.getpid()}"  # a second file system that every Linux has
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == source.stat().st_dev:
        pytest.skip("no second file system")
    try:
        with source.open("rb") as stream, elsewhere.open("wb") as target:
            copy(stream, target)
        assert elsewhere.read_bytes() == DATA
    finally:
        elsewhere.unlink(missing_ok=True)


def test_a_full_disk_is_an_error(source):
    with source.open("rb") as stream, Path("/dev/full").open("wb", buffering=0) as target, pytest.raises(OSError, match="space") as caught:
        copy(stream, target)
    assert caught.value.errno == errno.ENOSPC
