"""What every BlobStore promises (lkbuild.model.ports)."""

from __future__ import annotations

import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.ports import BlobMissing

RANDOM = blake3(b"incompressible").digest(300_000)
#: Both sides of each threshold: nothing, packed raw and compressed, files raw and compressed.
CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "small": b"hello, world\n" * 100,
    "just packed": b"a" * 65_536,
    "just a file": b"a" * 65_537,
    "random, packed": RANDOM[:60_000],
    "random, a file": RANDOM,
    "probe": b"p" * 131_072,
    "past the probe": b"p" * 131_073,
    "large": b"0123456789abcdef" * 200_000,
    "zeros": bytes(3 << 20),
}
every_content = pytest.mark.parametrize("data", CONTENTS.values(), ids=CONTENTS.keys())


@every_content
def test_bytes_come_back(store, data):
    digest = store.blobs.put_bytes(data)
    assert digest == Digest.of(data)
    assert store.blobs.has(digest)
    assert store.blobs.get_bytes(digest) == data


@every_content
@pytest.mark.parametrize("move", [False, True])
def test_a_file_comes_back(store, tmp_path, data, move):
    path = tmp_path / "file"
    path.write_bytes(data)
    digest = store.blobs.put_file(path, move=move)
    assert digest == Digest.of(data)
    assert store.blobs.get_bytes(digest) == data
    assert move or path.read_bytes() == data


@every_content
def test_a_stream_comes_back(store, data):
    with store.blobs.put_stream() as stream:
        for start in range(0, len(data), 100_000):
            assert stream.write(data[start : start + 100_000]) == len(data[start : start + 100_000])
    assert stream.digest == Digest.of(data)
    with store.blobs.open(stream.digest) as reader:
        assert b"".join(iter(lambda: reader.read(50_000), b"")) == data


@every_content
def test_blobs_one_after_the_other_are_a_blob(store, data):
    first, second = store.blobs.put_bytes(RANDOM), store.blobs.put_bytes(data)
    whole = store.blobs.put_parts([first, second, first])
    assert whole == Digest.of(RANDOM + data + RANDOM)
    assert store.blobs.has(whole)
    assert store.blobs.get_bytes(whole) == RANDOM + data + RANDOM
    assert store.blobs.open(whole).read() == RANDOM + data + RANDOM
    assert store.blobs.path_of(whole).read_bytes() == RANDOM + data + RANDOM
    assert store.blobs.put_parts([whole]) == whole


def test_parts_that_are_expected_change_nothing(store):
    first, second = store.blobs.put_bytes(RANDOM), store.blobs.put_bytes(RANDOM + b"other")
    for expected in ([first], [first, second], [second], [Digest.of(b"absent")], []):
        store.blobs.expect_parts(expected)
        assert store.blobs.put_parts([first, second]) == Digest.of(RANDOM + RANDOM + b"other")


def test_a_blob_tells_what_it_is_kept_as(store):
    parts = [store.blobs.put_bytes(RANDOM), store.blobs.put_bytes(RANDOM + b"other")]
    whole = store.blobs.put_parts(parts)
    assert list(store.blobs.parts(whole)) in (parts, [whole])
    assert list(store.blobs.parts(parts[0])) == [parts[0]]


def test_a_blob_of_blobs_needs_each_of_them(store):
    absent = Digest.of(b"absent")
    with pytest.raises(BlobMissing) as caught:
        store.blobs.put_parts([store.blobs.put_bytes(RANDOM), absent])
    assert caught.value.digest == absent


@every_content
@pytest.mark.parametrize("executable", [False, True])
def test_a_path_holds_the_bytes_read_only(store, data, executable):
    digest = store.blobs.put_bytes(data)
    path = store.blobs.path_of(digest, executable=executable)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == (0o555 if executable else 0o444)
    assert store.blobs.path_of(digest, executable=executable) == path


def test_executable_and_plain_paths_of_one_blob_are_two_files(store, tmp_path):
    path = tmp_path / "program"
    path.write_bytes(RANDOM)
    path.chmod(0o755)
    digest = store.blobs.put_file(path, move=True)
    modes = [store.blobs.path_of(digest, executable=flag).stat().st_mode & 0o777 for flag in (False, True, False)]
    assert modes == [0o444, 0o555, 0o444]


def test_paths_hide_when_they_were_made(store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(RANDOM)
    moved = store.blobs.put_file(path, move=True)
    times = {store.blobs.path_of(digest).stat().st_mtime for digest in (moved, store.blobs.put_bytes(b"other"))}
    assert len(times) == 1


def test_a_put_file_is_a_copy(store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(RANDOM)
    digest = store.blobs.put_file(path)
    path.write_bytes(b"changed")
    assert store.blobs.get_bytes(digest) == RANDOM


def test_putting_twice_is_putting_once(store, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(RANDOM)
    assert store.blobs.put_bytes(RANDOM) == store.blobs.put_file(path) == store.blobs.put_file(path, move=True)


def test_missing_tells_what_is_not_there(store):
    there = [store.blobs.put_bytes(str(number).encode()) for number in range(1200)]
    absent = [Digest.of(f"absent {number}".encode()) for number in range(1200)]
    assert store.blobs.missing([*there, *absent]) == set(absent)
    assert store.blobs.missing([]) == set()


def test_the_size_is_part_of_the_digest(store):
    digest = store.blobs.put_bytes(b"abc")
    wrong = Digest(digest.hash, 4)
    assert not store.blobs.has(wrong)
    with pytest.raises(BlobMissing):
        store.blobs.get_bytes(wrong)


def test_every_reader_of_an_absent_blob_says_so(store):
    absent = Digest.of(b"absent")
    readers = (
        store.blobs.get_bytes,
        store.blobs.open,
        store.blobs.path_of,
        store.blobs.tree_path,
        lambda digest: list(store.blobs.walk(digest)),
    )
    for read in readers:
        with pytest.raises(BlobMissing) as caught:
            read(absent)
        assert caught.value.digest == absent


def test_a_broken_stream_stores_nothing(store):
    writers = []
    with contextlib.suppress(ZeroDivisionError), store.blobs.put_stream() as stream:
        writers.append(stream)
        stream.write(RANDOM)
        raise ZeroDivisionError
    assert not store.blobs.has(Digest.of(RANDOM))
    with pytest.raises(RuntimeError):
        _ = writers[0].digest


def test_a_file_that_is_not_there_is_an_error(store, tmp_path):
    with pytest.raises(StoreError):
        store.blobs.put_file(tmp_path / "absent")


def test_a_sparse_file_comes_back_sparse(store, tmp_path):
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(RANDOM)
    digest = store.blobs.put_file(path)
    assert digest == Digest.of_file(path)
    if path.stat().st_blocks * 512 < 1 << 20 and type(store).__name__ == "DiskStore":
        assert store.blobs.path_of(digest).stat().st_blocks * 512 < 2 << 20
    assert Digest.of_file(store.blobs.path_of(digest)) == digest


def test_sha256_finds_what_is_stored(store):
    data = b"a Debian package"
    sha256 = hashlib.sha256(data).hexdigest()
    assert store.blobs.find_sha256(sha256) is None
    store.blobs.record_sha256(sha256, Digest.of(data))
    assert store.blobs.find_sha256(sha256) is None, "known, but not stored"
    digest = store.blobs.put_bytes(data)
    assert store.blobs.find_sha256(sha256) == digest


def test_many_threads_put_and_get(store):
    contents = [bytes([number % 251]) * (number * 37 % 200_000) for number in range(200)]

    def both(data: bytes) -> bytes:
        return store.blobs.get_bytes(store.blobs.put_bytes(data))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(both, contents * 2)) == contents * 2
