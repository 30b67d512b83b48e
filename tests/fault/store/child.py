"""What the processes of the fault tests do: `python child.py MODE STORE ...`. Exit status 0 means that it went as its mode says."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3

from lkbuild.base import atomic
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.verify import verify


def content(number: int, size: int) -> bytes:
    """Incompressible bytes for even numbers, compressible ones for odd."""
    unit = blake3(b"%d" % number).digest(size if number % 2 == 0 else 100)
    return (unit * (size // len(unit) + 1))[:size]


def one_action(store: DiskStore, scratch: Path, number: int) -> Digest:
    """What a build does for one action: files, a tree, a log, a result, a recipe."""
    folder = scratch / f"work-{number}-{os.getpid()}"
    (folder / "tree/d").mkdir(parents=True)
    for name, size in (("small", 900), ("large", 200_000), ("tree/a", 10), ("tree/d/b", 150_000)):
        (folder / name).write_bytes(content(number, size))
    files = tuple(OutputFile(name, store.blobs.put_file(folder / name, move=True)) for name in ("large", "small"))
    root = store.blobs.put_tree(folder / "tree", move=True)
    log = store.blobs.put_bytes(b"log of %d" % number)
    key = Digest.of(b"key %d" % number)
    store.actions.put(key, ActionResult(files=files, trees=(OutputTree("tree", root),), log=log))
    store.actions.put_recipe(Digest.of(b"recipe %d" % number), key)
    store.blobs.tree_path(root)
    store.blobs.path_of(files[0].digest, executable=True)
    return key


def check(store: DiskStore, number: int) -> bool:
    """Whether an action's result is there; if so, all of it is right."""
    result = store.actions.get(Digest.of(b"key %d" % number))
    if result is None:
        return False
    assert store.blobs.get_bytes(result.files[1].digest) == content(number, 900)
    assert store.blobs.path_of(result.files[0].digest).read_bytes() == content(number, 200_000)
    path = store.blobs.tree_path(result.trees[0].root)
    assert (path / "a").read_bytes() == content(number, 10)
    assert (path / "d/b").read_bytes() == content(number, 150_000)
    return True


def puts(root: str, scratch: str, first: str, count: str) -> None:
    """Actions, one after the other; each committed one is told on stdout."""
    with DiskStore.open(Path(root)) as store:
        for number in range(int(first), int(first) + int(count)):
            one_action(store, Path(scratch), number)
            store.flush()
            print(number, flush=True)


def collects(root: str) -> None:
    """Collect everything."""
    with DiskStore.open(Path(root)) as store:
        collect(store, GcPolicy(max_bytes=0))


def killed(root: str, scratch: str, at: str, task: str) -> None:
    """Two actions, or a collection, with SIGKILL at the n-th point where something becomes durable."""
    left = int(at)

    def point() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()

    def around(module: object, name: str) -> None:
        real = getattr(module, name)

        def wrapped(*args: object, **named: object) -> object:
            point()
            result = real(*args, **named)
            point()
            return result

        setattr(module, name, wrapped)

    around(atomic, "publish")
    around(atomic, "publish_directory")
    for name in ("rename", "link"):
        around(os, name)

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:  # type: ignore[override]  # a plain pass-through
            durable = sql == "COMMIT"
            if durable:
                point()
            cursor = super().execute(sql, *args)
            if durable:
                point()
            return cursor

    real_connect = sqlite3.connect
    sqlite3.connect = lambda *args, **named: real_connect(*args, factory=Connection, **named)  # type: ignore[assignment]  # the point of it
    if task == "collect":
        collects(root)
    else:
        puts(root, scratch, "0", "2")


def full(root: str, scratch: str) -> None:
    """Fill a small file system, in each of the ways that put; every time a clear error and a right store."""
    store = DiskStore.open(Path(root))
    source = Path(scratch) / "source"
    source.mkdir()
    (source / "large").write_bytes(content(2, 3_000_000))
    kept = store.blobs.put_bytes(b"put while there was room")
    store.flush()

    def streams(number: int) -> None:
        with store.blobs.put_stream() as stream:
            for part in range(40):
                stream.write(content(number * 2 + part * 1000, 100_000))

    def small(number: int) -> None:
        for part in range(100):
            store.blobs.put_bytes(content(10**6 + number * 200 + part * 2, 60_000))
        store.flush()

    def large(number: int) -> None:
        (source / "large").write_bytes(content(2 * number + 10**7, 1_500_000))
        store.blobs.put_file(source / "large")

    def trees(number: int) -> None:
        folder = source / f"tree{number}"
        folder.mkdir()
        for part in range(20):
            (folder / str(part)).write_bytes(content(2 * part + 10**8 + number * 100, 100_000))
        store.blobs.put_tree(folder)

    for put in (streams, large, small, trees):
        until_full(put)
        assert store.blobs.get_bytes(kept) == b"put while there was room"
        collect(store, GcPolicy(max_bytes=100_000))
        store.flush()
        again = store.blobs.put_bytes(b"room again after " + put.__name__.encode())
        store.flush()
        assert store.blobs.has(again)
        kept = store.blobs.put_bytes(b"put while there was room")
        report = verify(store)
        assert report.clean, report
    store.close()
    with DiskStore.open(Path(root)) as store:
        assert verify(store).clean


def refused(put: Callable[..., object], *arguments: int) -> StoreError | None:
    """The store's refusal, which says what to do; None where it took it."""
    error = None
    with contextlib.suppress(StoreError):
        try:
            put(*arguments)
        except StoreError as caught:
            error = caught
            raise
    if error is not None:
        assert error.exit_code == 36, error
        assert error.hint, error
    return error


def until_full(put: Callable[[int], object]) -> None:
    """Put until the store says that there is no room."""
    for number in range(200):
        refusal = refused(put, number)
        if refusal is not None:
            assert "no space" in refusal.message, refusal
            return
    raise AssertionError("the file system took everything")


def readonly(root: str, digest: str) -> None:
    """A store that can't be written to serves what it has."""
    with DiskStore.open(Path(root)) as store:
        assert not store.writable
        assert store.blobs.get_bytes(Digest.parse(digest)) == b"served"
        assert check(store, 0)
        for write in (lambda: store.blobs.put_bytes(b"new"), lambda: store.blobs.put_file(Path(__file__))):
            assert refused(write) is not None, "a read-only store took something"
        try:
            store.blobs.get_bytes(Digest.of(b"absent"))
        except BlobMissing:
            return
        raise AssertionError("absent bytes were found")


if __name__ == "__main__":
    {"puts": puts, "collects": collects, "killed": killed, "full": full, "readonly": readonly}[sys.argv[1]](*sys.argv[2:])
