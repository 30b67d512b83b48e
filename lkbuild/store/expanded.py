"""Blobs as read-only files of their own, to be mounted or hard-linked: made on demand, and believed within one boot of the machine.

Knows neither rows nor kinds of blobs: whoever asks says where a raw file of the bytes lies, if one does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from lkbuild.base import atomic
from lkbuild.base.digest import Digest
from lkbuild.store import codec
from lkbuild.store.failures import translated
from lkbuild.store.layout import EXECUTABLE_MODE, FILE_MODE, MTIME, Layout, expanded_below


class Bytes(Protocol):
    """What is asked of the store's blobs."""

    @property
    def layout(self) -> Layout:
        """Where files lie."""
        ...

    @property
    def writable(self) -> bool:
        """Whether files may be made."""
        ...

    def unfinished(self) -> AbstractContextManager[Path]:
        """A temporary name."""
        ...

    def trusting(self, digest: Digest) -> AbstractContextManager[None]:
        """Within it, what turns out to be damaged or gone is removed, and BlobMissing."""
        ...

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """The bytes, checked."""
        ...


class Expanded:
    """The expanded files of one opened store."""

    def __init__(self, blobs: Bytes) -> None:
        self._blobs = blobs
        self._older: list[Path] | None = None

    def path_of(self, digest: Digest, raw: Path | None, *, executable: bool) -> Path:
        """The file of a blob that is there; `raw`: where its bytes lie as they are."""
        target = self._blobs.layout.expanded(digest, executable=executable)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(target).st_size == digest.size:  # noqa: PTH116 - hot: once per input of an action
                return target
            target.unlink()
        mode = EXECUTABLE_MODE if executable else FILE_MODE
        return self._made_before(digest, target, mode) or self._make(digest, raw, target, mode)

    def keep(self, path: Path, digest: Digest) -> None:
        """Take a file over that has just been hashed, where the file system lets us."""
        with contextlib.suppress(OSError):
            executable = seal(path)
            atomic.publish(path, self._blobs.layout.expanded(digest, executable=executable))

    def _made_before(self, digest: Digest, target: Path, mode: int) -> Path | None:
        """A file that an earlier boot made, looked at once more: when the power fails, a name may outlive the bytes."""
        if self._older is None:
            self._older = self._blobs.layout.expanded_before()
        for folder in self._older:
            path = expanded_below(folder, digest, executable=mode == EXECUTABLE_MODE)
            with contextlib.suppress(OSError):
                if path.stat().st_mode & 0o777 == mode and self._is_whole(path, digest):
                    if not self._blobs.writable:
                        return path
                    atomic.publish(path, target)
                    return target
        return None

    def _is_whole(self, path: Path, digest: Digest) -> bool:
        try:
            for _chunk in codec.chunks_checked(path, digest, compressed=False):
                pass
        except codec.Damaged:
            if self._blobs.writable:
                path.unlink(missing_ok=True)
            return False
        return True

    def _make(self, digest: Digest, raw: Path | None, target: Path, mode: int) -> Path:
        blobs = self._blobs
        with translated(blobs.layout.root), blobs.unfinished() as temporary, blobs.trusting(digest):
            if raw is not None and raw.stat().st_mode & 0o777 == mode:
                for _chunk in codec.chunks_checked(raw, digest, compressed=False):
                    pass
                if hard_link(raw, target):
                    return target
            sink = codec.Sink(create_file(temporary), compressed=False)
            try:
                for chunk in blobs.chunks(digest):
                    sink.write(chunk)
                sink.finish(mode, MTIME)
            finally:
                sink.abort()
            atomic.publish(temporary, target)
        return target


def hard_link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where the file system does not, or the file has too many."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(source)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def seal(path: Path) -> bool:
    """Make a file read-only with the store's time; whether it is executable."""
    executable = bool(path.stat().st_mode & 0o100)
    path.chmod(EXECUTABLE_MODE if executable else FILE_MODE)
    os.utime(path, (MTIME, MTIME))
    return executable


def create_file(path: Path) -> int:
    """A new file, open for writing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
