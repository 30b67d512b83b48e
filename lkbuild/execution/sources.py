"""Digests of workspace files, remembered by what stat says.

A file whose size, mtime, ctime, inode and mode are as they were is not read again. The exception is git's racy rule: a file
changed within two seconds before its stat was taken might change again within the clock's granularity, so it is not remembered.
Another is a boot of the
machine: what was remembered before it is read again (lkbuild.base.boots). Does not know what the files are for. The memory is a cache:
damaged or deleted, everything is read again.
"""

from __future__ import annotations

import marshal
import os
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from lkbuild.base.atomic import write_atomic
from lkbuild.base.boots import boot_id
from lkbuild.base.checkpoint import Checkpoint, onward
from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.base.snapshot_format import stat_of
from lkbuild.model.artifact import SourceFile
from lkbuild.model.tree import File

_FORMAT: Final = 2
_RACY_NS: Final = 2_000_000_000

_Stat = tuple[int, int, int, int, int]


class SourceDigests:
    """Digests of the files of one workspace."""

    def __init__(self, root: Path, memory: Path | None = None, checkpoint: Checkpoint = onward) -> None:
        """Read what an earlier process remembered in the file `memory`. A checkpoint stands before each file that is looked at."""
        self._root = root
        self._memory = memory
        self._checkpoint = checkpoint
        self._known: dict[str, tuple[_Stat, str, int]] = _load(memory)
        self._this_build: dict[str, File] = {}
        self._asked: dict[str, None] = {}
        self._stats: dict[str, _Stat] = {}
        self._changed = False

    def file(self, source: SourceFile) -> File:
        """Digest and executable bit of a file: within one build always the same answer.

        Raises:
            BuildFailed: it can't be read, or is no regular file.
            Interrupted: at the checkpoint.
        """
        found = self._this_build.get(source.path)
        if found is None:
            self._checkpoint()
            self._asked[source.path] = None
            found = self._this_build[source.path] = self._look(source.path)
        return found

    def path(self, source: SourceFile) -> Path:
        """Where the file lies on disk."""
        return self._root / source.path

    def looked_at(self) -> Iterable[str]:
        """Workspace-relative paths of the files whose digests were asked for, whether or not they could be read."""
        return self._asked.keys()

    def seen(self) -> Mapping[str, File]:
        """What was answered so far, by workspace-relative path."""
        return self._this_build

    def stats(self) -> Mapping[str, _Stat]:
        """What stat said of each of these before it was read."""
        return self._stats

    def save(self) -> None:
        """Remember for the next process. A memory that can't be written costs time, not correctness."""
        if self._memory is None or not self._changed:
            return
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._memory, marshal.dumps((_FORMAT, boot_id(), self._known)))
        except OSError:
            return

    def _look(self, path: str) -> File:
        where = self._root / path
        try:
            status = os.stat(where)  # noqa: PTH116 - hot path: one system call per source file
            if not stat.S_ISREG(status.st_mode):
                raise BuildFailed(f"{path} is not a regular file")
            now = stat_of(status)
            self._stats[path] = now
            executable = bool(status.st_mode & stat.S_IXUSR)
            known = self._known.get(path)
            if known is not None and known[0] == now:
                return File(Digest(known[1], known[2]), executable)
            digest = Digest.of_file(where)
        except OSError as error:
            raise BuildFailed(f"can't read {path}: {error.strerror}", hint="check that it exists and may be read") from error
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _RACY_NS:
            self._known[path] = (now, digest.hash, digest.size)
            self._changed = True
        return File(digest, executable)


def _load(memory: Path | None) -> dict[str, tuple[_Stat, str, int]]:
    if memory is None:
        return {}
    try:
        version, boot, known = marshal.loads(memory.read_bytes())  # noqa: S302 - our own cache folder; damage is caught below
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    return known if (version, boot) == (_FORMAT, boot_id()) and isinstance(known, dict) else {}
