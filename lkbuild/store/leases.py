"""Leases: which processes use a store, and since when. The kernel drops a dead process's flock(2), so nothing has to be cleaned up by hand.

A lease is a locked file `leases/<pid>-<random>` holding the time it was taken, with a folder of the same name in tmp/. Knows no blob.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from lkbuild.store.layout import Layout


class Lease:
    """This process's claim on a store, and its folder for unfinished files."""

    def __init__(self, layout: Layout) -> None:
        self.name = f"{os.getpid()}-{os.urandom(6).hex()}"
        self.start = time.time()
        self.tmp = layout.tmp / self.name
        self._path = layout.leases / self.name
        hidden = layout.leases / f".{self.name}"
        self._handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        # Locked before it has its name: whoever sees the lease sees it locked.
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self._write()
        hidden.rename(self._path)
        self.tmp.mkdir()

    def seen(self, now: float) -> None:
        """Tell the time: where the clock was set back, the lease goes back with it, or the collector would think new uses old."""
        if now < self.start:
            self.start = now
            self._write()

    def _write(self) -> None:
        os.pwrite(self._handle, f"{self.start:020.3f}\n".encode(), 0)

    def release(self) -> None:
        """Give the claim up."""
        remove_directory(self.tmp)
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


def live(layout: Layout, *, apart_from: str = "") -> list[float]:
    """Start times of the other running processes' leases; those of dead ones are removed."""
    starts = []
    for entry in os.scandir(layout.leases):
        if entry.name == apart_from or entry.name.startswith("."):
            continue
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                os.unlink(entry.path)  # noqa: PTH108 - entry.path is a string
            except BlockingIOError:
                starts.append(_start(os.pread(handle, 64, 0)))
            finally:
                os.close(handle)
    return starts


def _start(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # unreadable: as old as can be, so nothing is collected under it


def clean(layout: Layout) -> int:
    """Remove what dead processes left in tmp/; returns how many folders. Call with the open lock held."""
    live(layout)
    names = {entry.name for entry in os.scandir(layout.leases)}
    dead = [Path(entry.path) for entry in os.scandir(layout.tmp) if entry.name not in names]
    for path in dead:
        remove_directory(path)
    return len(dead)


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold a flock(2) on a file, shared or exclusive: between processes, and between threads since each opens it anew."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def remove_directory(path: Path) -> None:
    """Remove a file or a directory whose folders may be read-only; what vanishes meanwhile is fine."""
    try:
        is_directory = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_directory:
        path.unlink(missing_ok=True)
        return
    folders = [path]
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            folder.chmod(0o700)
            for entry in list(os.scandir(folder)):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)  # noqa: PTH108 - hot: one string, no Path
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()
