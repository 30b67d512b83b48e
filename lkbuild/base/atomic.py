"""Durable writes: the only module that renames or syncs.

A file written by `write_atomic` is, after a crash at any point, either the old content or the new, never a mixture
(rename(2) is atomic within one file system; the data is synced before it where asked). It does not know what is written.
Limits: a file system that lies about fsync loses the last write, and the directory's entry is synced only with `durable`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

#: How temporary files begin, and for how many seconds one may not be locked yet.
_TEMPORARY: Final = ".tmp-"
_FRESH_S: Final = 60.0
#: File systems of which this kernel knows who has a file open. Of others (NFS, FUSE, 9p and virtiofs, of which the host of this virtual
#: machine has the same files) it gives out a lease, in part, without asking who else has it.
_OURS: Final = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, durable: bool = False) -> None:
    """Replace a file's content. Raises OSError; then the old content is untouched."""
    with replacing(path, mode=mode, durable=durable) as file:
        file.write(data)


def new_file(path: str) -> int:
    """A file that was not there, open for writing, and nobody else's to read."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def replacing(
    path: Path, *, mode: int = 0o644, durable: bool = False, at_once: bool = False, create: Callable[[str], int] = new_file
) -> Iterator[BinaryIO]:
    """A temporary file beside `path` that takes its place when the block ends well, and vanishes when it does not.

    `at_once`: the old file goes first, so that for a moment there is none: ext4 writes all of the new one out before it goes on where one
    is renamed over another (auto_da_alloc). `create`: makes the temporary file, as `new_file` does.
    """
    temporary = _beside(path)
    handle = create(os.fspath(temporary))
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(handle)
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
        if at_once:
            path.unlink(missing_ok=True)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


@contextlib.contextmanager
def amending(path: Path, still: Callable[[], bool]) -> Iterator[io.FileIO | None]:
    """The file itself, to be changed: under another name until the block ends well, gone if it does not.

    None where it is not ours alone: it has another name, somebody has it open, or the file system does not tell (fcntl(2), F_SETLEASE),
    or others than this kernel have it.
    Who opens it in between waits. `still`: whether it is what it was, asked once nobody else has it; None where it is not.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    with os.fdopen(handle, "r+b", buffering=0) as file:
        if not _alone(handle) or not still():
            yield None
            return
        _lock(handle)
        temporary = _beside(path)
        path.rename(temporary)
        try:
            yield file
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _alone(handle: int) -> bool:
    """Whether nobody else has a file; then nobody gets it before the handle is closed."""
    if os.fstat(handle).st_nlink != 1:
        return False
    try:
        if _file_system(handle) not in _OURS:
            return False
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who waits for the file is told by a signal, and this one ends nobody
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return False
    return True


def _file_system(handle: int) -> str:
    """The type of that which a file lies on (proc_pid_mountinfo(5)); by the mount's number, since btrfs has other devices for its files."""
    with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as info:  # noqa: PTH123 - once per large output
        number = next(line.split()[1] for line in info if line.startswith("mnt_id:"))
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:  # noqa: PTH123 - the same
        return next((line.partition(" - ")[2].split()[0] for line in mounts if line.startswith(f"{number} ")), "")


def _beside(path: Path) -> Path:
    return path.with_name(f"{_TEMPORARY}{os.urandom(8).hex()}")


def _lock(handle: int) -> None:
    """Tell `sweep` that somebody writes this; a file system that has no locks keeps what killed processes leave."""
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes have left in a folder: those that nobody has locked, nor made a moment ago."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)  # not to wait for a lease
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(handle).st_ctime > _FRESH_S:
                    path.unlink()
            finally:
                os.close(handle)


def publish(temporary: Path, path: Path) -> None:
    """Rename a whole file into place, making the folder above it. Both are on one file system, else OSError (EXDEV)."""
    try:
        temporary.replace(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)


def publish_directory(temporary: Path, path: Path) -> bool:
    """Rename a whole directory into place; False where another one is there already (rename(2): ENOTEMPTY, EEXIST)."""
    try:
        temporary.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable (fsync(2): a file's own sync does not cover its name)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
