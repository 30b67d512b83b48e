"""Directories and small files of actions that are over, for the actions that come: no inode is freed, and few are made.

An ext4 without a journal, as virtual machines of clouds have it, looks at each inode that was freed in the last minutes before it gives
one out (recently_deleted in fs/ext4/ialloc.c): half a millisecond for each file, where a build of small actions frees thousands. Elsewhere
a rename costs what making or removing costs. Nothing tells a directory or a file that is given out from a new one: what has another mode,
size, owner, attribute or link is removed. For one thread at a time. Does not know what an action is.
"""

from __future__ import annotations

import itertools
import os
import stat
from typing import Final

#: How many of each kind are kept, and how large a file may be: a block each, 64 MiB at most.
_KEPT: Final = 8192
_LARGEST: Final = 4096
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_AGAIN: Final = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Spares:
    """Those in one folder, on the file system where they are needed."""

    def __init__(self, folder: str) -> None:
        """The folder is made when there is something to keep."""
        self._folder = folder
        self._names = itertools.count()
        self._folders: list[str] = []
        self._files: list[str] = []
        #: Of a new directory: mode and size.
        self._new_folder: tuple[int, int] | None = None

    def make_folder(self, path: str) -> None:
        """A directory, with those above it, where there is none."""
        try:
            self._make_folder(path)
        except FileNotFoundError:
            above = path.rpartition("/")[0] or "/"
            if os.path.isdir(above):  # noqa: PTH112 - then it is the spare one that is gone, as where the store was deleted meanwhile
                self._folders.clear()
            else:
                self.make_folder(above)
            self._make_folder(path)
        except OSError:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103 - as all here: hot, a few for each action

    def _make_folder(self, path: str) -> None:
        if self._folders:
            os.rename(self._folders[-1], path)  # noqa: PTH104 - an empty directory that is there already gives way
            self._folders.pop()
            return
        os.mkdir(path)  # noqa: PTH102
        if self._new_folder is None:
            status = os.lstat(path)
            self._new_folder = status.st_mode, status.st_size

    def create(self, path: str) -> int:
        """An empty file that is open for writing, with the directories above it; nothing is at `path`. Its mode is the caller's to set."""
        try:
            return self._create(path)
        except FileNotFoundError:
            above = path.rpartition("/")[0] or "/"
            if os.path.isdir(above):  # noqa: PTH112 - as for folders
                self._files.clear()
            else:
                self.make_folder(above)
            return self._create(path)

    def _create(self, path: str) -> int:
        if not self._files:
            return os.open(path, _NEW, 0o600)
        os.rename(self._files[-1], path)  # noqa: PTH104
        self._files.pop()
        return os.open(path, _AGAIN)

    def empty(self, folder: str) -> bool:
        """Remove or keep all that is in a directory; whether there was anything."""
        with os.scandir(folder) as found:
            entries = list(found)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self.empty(entry.path)
                self._take_folder(entry)
            else:
                self._take_file(entry)
        return bool(entries)

    def _take_folder(self, entry: os.DirEntry[str]) -> None:
        status = entry.stat(follow_symlinks=False)
        new = (status.st_mode, status.st_size) == self._new_folder and self._own(entry, status)
        if new and len(self._folders) < _KEPT:
            self._folders.append(self._kept(entry))
        else:
            os.rmdir(entry.path)  # noqa: PTH106

    def _take_file(self, entry: os.DirEntry[str]) -> None:
        status = entry.stat(follow_symlinks=False)
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= _LARGEST
        if plain and len(self._files) < _KEPT and self._own(entry, status):
            if stat.S_IMODE(status.st_mode) != 0o600:
                os.chmod(entry.path, 0o600)  # noqa: PTH101
            self._files.append(self._kept(entry))
        else:
            os.unlink(entry.path)  # noqa: PTH108

    @staticmethod
    def _own(entry: os.DirEntry[str], status: os.stat_result) -> bool:
        return status.st_uid == os.geteuid() and not os.listxattr(entry.path, follow_symlinks=False)

    def _kept(self, entry: os.DirEntry[str]) -> str:
        place = f"{self._folder}/{next(self._names)}"
        try:
            os.rename(entry.path, place)  # noqa: PTH104
        except FileNotFoundError:
            os.mkdir(self._folder, 0o700)  # noqa: PTH102
            os.rename(entry.path, place)  # noqa: PTH104
        return place
