"""What a process has hashed while it wrote it is not hashed again to be read, as long as the file is the one that it wrote."""

import io
import os

import pytest

from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore

DATA = os.urandom(1_000_001)


@pytest.fixture
def store(tmp_path):
    with DiskStore.open(tmp_path / "store") as opened:
        yield opened


def put(store):
    with store.blobs.put_stream() as writer:
        writer.write(DATA)
    return writer.digest


def file_of(store, digest):
    return store.layout.root / "blobs" / digest.hash[:2] / digest.hash


def test_what_was_written_here_is_read_as_a_file(store):
    digest = put(store)
    with store.blobs.open(digest) as stream:
        assert os.fstat(stream.fileno()).st_size == digest.size
        assert stream.read() == DATA


def test_what_another_process_wrote_is_checked(tmp_path):
    with DiskStore.open(tmp_path / "store") as first:
        digest = put(first)
    with DiskStore.open(tmp_path / "store") as second, second.blobs.open(digest) as stream:
        with pytest.raises(io.UnsupportedOperation):
            stream.fileno()
        assert stream.read() == DATA


def test_what_was_written_here_and_changed_since_is_damaged(store):
    digest = put(store)
    path = file_of(store, digest)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(bytes([DATA[0] ^ 1]))
    with pytest.raises(BlobMissing), store.blobs.open(digest) as stream:
        stream.read()


def test_what_was_written_here_and_replaced_since_is_checked(store):
    digest = put(store)
    path = file_of(store, digest)
    path.unlink()
    path.write_bytes(DATA)
    with store.blobs.open(digest) as stream:
        with pytest.raises(io.UnsupportedOperation):
            stream.fileno()
        assert stream.read() == DATA
