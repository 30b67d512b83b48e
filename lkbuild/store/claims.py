"""Claims on actions: of several processes that are about to run the same one, the first runs it, and the others wait for its result.

One file, and of it one byte for each key, locked by open file description (fcntl(2), F_OFD_SETLK): nothing is made or cleaned up, and the
kernel drops what a dead process held. Two keys that share a byte wait for each other, once in 2^62. Knows no results.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from lkbuild.base.checkpoint import checkpoint
from lkbuild.base.digest import Digest
from lkbuild.store.failures import translated
from lkbuild.store.layout import Layout

#: How long until it is looked again, in seconds: what is claimed takes seconds.
_AGAIN_S: Final = 0.1


@contextlib.contextmanager
def claimed(layout: Layout, key: Digest, cancelled: Callable[[], bool]) -> Iterator[bool]:
    """Hold the claim on a key while the block runs. Gives whether another process had it meanwhile.

    Raises:
        Interrupted: the build was stopped while it waited.
    """
    with translated(layout.root):
        handle = os.open(layout.claims, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    check = checkpoint(cancelled)
    try:
        waited = False
        while not _locked(handle, key):
            waited = True
            check()
            time.sleep(_AGAIN_S)
        yield waited
    finally:
        os.close(handle)


def _locked(handle: int, key: Digest) -> bool:
    # struct flock: type, whence, start, length, pid (0 for this kind of lock).
    byte = int(key.hash[:16], 16) >> 2
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError:
        return False
    return True
