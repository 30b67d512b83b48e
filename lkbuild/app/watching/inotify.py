"""inotify(7) over watchdog's bindings: directories in, changed paths out, and a lost event is never silent.

watchdog's observers are threads that log an overflow of the kernel's queue or drop it (watchdog#654), and end with the error of a
read (watchdog#441). Here the caller's thread reads, and `Batch.lost` says that everything has to be looked at again. Directories are
watched, never files: an editor that saves by rename would take a file's watch away with the old inode. Does not know what a path
is for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Final, Self

from watchdog.observers.inotify_c import InotifyConstants as Flag
from watchdog.observers.inotify_c import inotify_add_watch, inotify_init, inotify_rm_watch

from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass

#: An entry of the directory came, went or took another name.
_LISTING: Final = Flag.IN_CREATE | Flag.IN_DELETE | Flag.IN_MOVED_FROM | Flag.IN_MOVED_TO
#: A file's bytes or mode may have changed. IN_MODIFY beside IN_CLOSE_WRITE: truncate(2), and writers that keep a file open.
_CONTENT: Final = Flag.IN_MODIFY | Flag.IN_CLOSE_WRITE | Flag.IN_ATTRIB
#: The watched directory itself is no longer what its path names.
_SELF: Final = Flag.IN_DELETE_SELF | Flag.IN_MOVE_SELF | Flag.IN_UNMOUNT
_MASK: Final = _LISTING | _CONTENT | Flag.IN_DELETE_SELF | Flag.IN_MOVE_SELF | Flag.IN_ONLYDIR | Flag.IN_EXCL_UNLINK
_HEADER: Final = struct.Struct("=iIII")
_READ: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One path that may have changed. `listing`: it came, went, or was renamed in `directory`."""

    directory: str
    name: str
    listing: bool

    @property
    def path(self) -> str:
        """The absolute path."""
        return f"{self.directory}/{self.name}" if self.name else self.directory


@dataclass(slots=True)
class Batch:
    """What one read gave. `lost`: events are missing, so that anything may have changed. `woken`: there is something else to do."""

    changes: list[Change] = field(default_factory=list)
    lost: bool = False
    woken: bool = False

    def __bool__(self) -> bool:
        return self.lost or bool(self.changes)


class Inotify:
    """One inotify instance. Used by one thread."""

    def __init__(self) -> None:
        """Raises HostError where this user has no instance left."""
        self._handle = inotify_init()
        if self._handle < 0:
            raise no_instance(ctypes.get_errno())
        os.set_inheritable(self._handle, False)  # noqa: FBT003 - its one argument
        os.set_blocking(self._handle, False)
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLIN)
        self._other: int | None = None
        self._by_path: dict[str, int] = {}
        self._by_watch: dict[int, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._handle)

    @property
    def watched(self) -> frozenset[str]:
        """The directories."""
        return frozenset(self._by_path)

    def set(self, directories: frozenset[str]) -> frozenset[str]:
        """Watch these directories and no others; returns those that are newly watched.

        One that vanished meanwhile is left out. Raises HostError where the kernel's limit is reached.
        """
        for path in self.watched - directories:
            self._forget(path)
        new = directories - self.watched
        return frozenset(path for path in new if self._add(path, len(directories)))

    def forget_all(self) -> None:
        """Give every watch up, so that `set` makes all of them anew."""
        self.set(frozenset())

    def wake_on(self, handle: int) -> None:
        """A read without a time limit also ends when this descriptor can be read."""
        self._other = handle

    def read(self, timeout_s: float | None) -> Batch:
        """What has happened, after waiting for something at most so long (None: for ever). Empty after the time is up."""
        batch = Batch()
        if timeout_s is None and self._other is not None:
            self._poll.register(self._other, select.POLLIN)
        try:
            ready = dict(self._poll.poll(None if timeout_s is None else max(0, round(timeout_s * 1000))))
        finally:
            if timeout_s is None and self._other is not None:
                self._poll.unregister(self._other)
        batch.woken = self._other in ready
        if self._handle not in ready:
            return batch
        try:
            data = os.read(self._handle, _READ)
        except BlockingIOError:
            return batch
        for watch, mask, name in _events(data):
            self._take(watch, mask, name, batch)
        return batch

    def _take(self, watch: int, mask: int, name: str, batch: Batch) -> None:
        if mask & Flag.IN_Q_OVERFLOW:
            batch.lost = True
            return
        for directory in tuple(self._by_watch.get(watch, ())):
            batch.changes.append(Change(directory, name, bool(mask & (_LISTING | _SELF | Flag.IN_IGNORED))))
            if mask & (_SELF | Flag.IN_IGNORED):
                self._forget_below(directory)
            elif mask & Flag.IN_ISDIR and mask & (Flag.IN_MOVED_FROM | Flag.IN_DELETE):
                self._forget_below(f"{directory}/{name}")

    def _forget_below(self, directory: str) -> None:
        """A watch follows the inode: once a directory above was renamed, its path means something else."""
        for path in [path for path in self._by_path if path == directory or path.startswith(directory + "/")]:
            self._forget(path)

    def _forget(self, path: str) -> None:
        watch = self._by_path.pop(path)
        paths = self._by_watch[watch]
        paths.remove(path)
        if not paths:
            del self._by_watch[watch]
            inotify_rm_watch(self._handle, watch)  # type: ignore[arg-type]  # EINVAL: the kernel was quicker

    def _add(self, path: str, needed: int) -> bool:
        watch = inotify_add_watch(self._handle, os.fsencode(path), _MASK)
        if watch < 0:
            error = ctypes.get_errno()
            if error in (errno.ENOENT, errno.ENOTDIR):
                return False
            raise _refused(error, path, needed)
        self._by_path[path] = watch
        # Two paths of one directory (a link above one of them) share a watch.
        self._by_watch.setdefault(watch, []).append(path)
        return True


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    """(watch, mask, name) of each inotify_event in a buffer; -1 is the watch of an overflow."""
    at = 0
    while at + _HEADER.size <= len(data):
        watch, mask, _cookie, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        yield watch, mask, os.fsdecode(data[at : at + length].rstrip(b"\0"))
        at += length


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the kernel: the sysctl that sets it, and its value."""

    sysctl: str
    value: int


def limit(host: str, namespace: str) -> Limit:
    """The lower of two limits: the host's, of inotify(7), and the user namespace's, of user_namespaces(7)."""
    found = [Limit(name, value) for name in (f"fs.inotify.{host}", f"user.{namespace}") if (value := _sysctl(name)) is not None]
    return min(found, key=lambda item: item.value, default=Limit(f"fs.inotify.{host}", 0))


def _sysctl(name: str) -> int | None:
    try:
        return int(Path("/proc/sys", *name.split(".")).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def no_instance(error: int) -> HostError:
    """Why inotify_init(2) failed, and how to mend it."""
    if error != errno.EMFILE or _no_descriptor_left():
        return HostError(f"files can't be watched: {os.strerror(error)}", hint="`ulimit -n` shows how many files a process may have open")
    current = limit("max_user_instances", "max_inotify_instances")
    return HostError(
        f"files can't be watched: this user may have {current.value} inotify instances, all are in use, and 1 more is needed",
        hint=f"end other programs that watch files, or: sudo sysctl {current.sysctl}={max(256, current.value * 2)}",
    )


def _refused(error: int, path: str, needed: int) -> HostError:
    if error != errno.ENOSPC:
        return HostError(f"can't watch {path}: {os.strerror(error)}", hint="a directory must be readable to be watched")
    current = limit("max_user_watches", "max_inotify_watches")
    return HostError(
        f"files can't be watched: this user may watch {current.value} directories in all programs together, this build needs {needed}",
        hint=f"sudo sysctl {current.sysctl}={max(8192, 1 << (current.value + needed).bit_length())}",
    )


def _no_descriptor_left() -> bool:
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return True
    return False
