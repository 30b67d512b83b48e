"""What the processes of the fault tests do: `python child.py MODE STORE ...`. Exit status 0 means that it went as its mode says."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from blake3 import blake3

from lkbuild.base import atomic
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.ports import BlobMissing
from lkbuild.store import reserve
from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.leases import remove_directory
from lkbuild.store.verify import verify


def content(number: int, size: int) -> bytes:
    """Incompressible bytes for even numbers, compressible ones for odd."""
    unit = blake3(b"%d" % number).digest(size if number % 2 == 0 else 100)
    return (unit * (size // len(unit) + 1))[:size]


def work(scratch: Path, number: int) -> Path:
    """A folder with what an action has written."""
    scratch.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"work-{number}-", dir=scratch))
    (folder / "tree/d").mkdir(parents=True)
    for name, size in (("small", 900), ("large", 200_000), ("tree/a", 10), ("tree/d/b", 150_000)):
        (folder / name).write_bytes(content(number, size))
    return folder


def one_action(store: DiskStore, folder: Path, number: int) -> Digest:
    """What a build does for one action: files, a tree, a log, a result, a recipe."""
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
            one_action(store, work(Path(scratch), number), number)
            store.flush()
            print(number, flush=True)


def collects(root: str) -> None:
    """Collect everything."""
    with DiskStore.open(Path(root)) as store:
        collect(store, GcPolicy(max_bytes=0))


def at_each_point(point: Callable[[], None]) -> None:
    """Call `point` before and after everything that makes something durable: renames, links, commits."""

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


def killed(root: str, scratch: str, at: str, task: str) -> None:
    """Two actions, or a collection, with SIGKILL at the n-th point where something becomes durable."""
    left = int(at)

    def point() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()

    at_each_point(point)
    if task == "collect":
        collects(root)
    else:
        puts(root, scratch, "0", "2")


class Filler:
    """Takes all that is free of a file system, and gives it back."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "filler"

    def fill(self) -> None:
        """No byte is free afterwards."""
        with contextlib.suppress(OSError), self.path.open("ab", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass

    def empty(self) -> None:
        """Give it back."""
        self.path.unlink(missing_ok=True)


def full_at_each_point(mount: str) -> None:
    """An action and a collection, once for each point where something becomes durable, on a disk that is full from there on."""
    filler, left = Filler(Path(mount)), 0

    def point() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            filler.fill()

    at_each_point(point)
    refusals = 0
    for round_ in itertools.count(1):
        root, scratch = Path(mount) / f"store{round_}", Path(mount) / f"scratch{round_}"
        folders = [work(scratch, 0), work(scratch, 0)]
        left = round_
        refusals += refused(lambda: act_and_collect(root, folders[0])) is not None  # noqa: B023 - called at once
        ended, left = left > 0, 0
        filler.empty()
        with DiskStore.open(root) as store:
            check(store, 0)
            assert verify(store).clean, (round_, verify(store))
            one_action(store, folders[1], 0)
            assert check(store, 0)
        shutil.rmtree(scratch)
        remove_directory(root)
        if ended:
            break
    print(round_, refusals)


def act_and_collect(root: Path, folder: Path) -> None:
    """A store, an action, and a collection that takes it."""
    with DiskStore.open(root) as store:
        one_action(store, folder, 0)
        store.flush()
        collect(store, GcPolicy(max_bytes=0))


def stolen(root: str) -> None:
    """While a collector works on a full disk, those whose writes had no room try again: they take nothing of the room it needs."""
    with DiskStore.open(Path(root)) as store, DiskStore.open(Path(root)) as other:
        assert other.lease is not None
        # So that the other one can't be using what the first one puts, and it may all be collected.
        (other.layout.leases / other.lease.name).write_text(f"{time.time() + 7200:020.3f}\n", encoding="ascii")
        for first, one in enumerate((store, other)):
            until_full(lambda number, first=first, one=one: packed(one, 1000 * first + number))  # type: ignore[misc]  # mypy infers no default
        given_up, racers = reserve.given_up, []

        @contextlib.contextmanager
        def raced(path: Path) -> Iterator[None]:
            with given_up(path):
                for one in (store, other):
                    racers.append(threading.Thread(target=refused, args=(one.flush,)))
                    racers[-1].start()
                    racers[-1].join(0.3)  # it must not end now, so there is no event to wait for
                yield

        reserve.given_up = raced
        assert collect(store, GcPolicy(max_bytes=100_000), clock=lambda: time.time() + 7200).blobs > 100
        for racer in racers:
            racer.join()
        for one in (store, other):
            one.flush()
        assert store.layout.reserve.exists()
        assert verify(store).clean


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

    def large(number: int) -> None:
        (source / "large").write_bytes(content(2 * number + 10**7, 1_500_000))
        store.blobs.put_file(source / "large")

    def trees(number: int) -> None:
        folder = source / f"tree{number}"
        folder.mkdir()
        for part in range(20):
            (folder / str(part)).write_bytes(content(2 * part + 10**8 + number * 100, 100_000))
        store.blobs.put_tree(folder)

    for number, put in enumerate((streams, large, lambda number: packed(store, number), trees)):
        until_full(put)
        assert store.blobs.get_bytes(kept) == b"put while there was room"
        collect(store, GcPolicy(max_bytes=100_000))
        store.flush()
        again = store.blobs.put_bytes(b"room again after %d" % number)
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
    try:
        put(*arguments)
    except StoreError as caught:
        error = caught
    else:
        return None
    assert error.exit_code == 36, error
    assert error.hint, error
    return error


def packed(store: DiskStore, number: int) -> None:
    """Small blobs, 3 MB of them, and committed."""
    for part in range(50):
        store.blobs.put_bytes(content(10**6 + number * 100 + part * 2, 60_000))
    store.flush()


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
    modes: tuple[Callable[..., None], ...] = (puts, collects, killed, full, full_at_each_point, stolen, readonly)
    {mode.__name__: mode for mode in modes}[sys.argv[1]](*sys.argv[2:])
