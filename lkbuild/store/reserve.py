"""Room kept for collecting on a full disk: deleting rows needs a little space first. One preallocated file, given up and taken again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: A transaction that deletes 500 rows writes below 1 MiB of log, and giving back the pages as much again.
SIZE: Final = 2 << 20


def keep(path: Path) -> None:
    """Take the room, where there is some."""
    if path.exists():
        return
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.posix_fallocate(handle, 0, SIZE)
    except OSError:
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextlib.contextmanager
def given_up(path: Path) -> Iterator[None]:
    """The room is free during the block."""
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        keep(path)
