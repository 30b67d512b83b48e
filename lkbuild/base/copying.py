"""Bytes from a stream to a file, by the kernel where both are files. Does not know what they are."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
from typing import BinaryIO, Final

_CHUNK: Final = 1 << 20
_AT_ONCE: Final = 1 << 30
#: Two file systems, or one that can't do it.
_REFUSED: Final = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def copy(source: BinaryIO, target: BinaryIO) -> None:
    """Append what is left of a stream to a file. Nothing of `source` may lie in a buffer yet.

    copy_file_range(2) shares the blocks where the file system can, and spares the way through this process where it can't. Whatever it
    leaves, for it may stop before the end, is read and written.
    """
    with contextlib.suppress(io.UnsupportedOperation):  # a stream that is no file
        handle = source.fileno()
        target.flush()
        try:
            while os.copy_file_range(handle, target.fileno(), _AT_ONCE):
                pass
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
    shutil.copyfileobj(source, target, _CHUNK)
