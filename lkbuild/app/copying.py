"""Large files out of the store: holes stay holes, reading and writing run at once, and what is there already is not written again.

Knows streams and digests, not what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from lkbuild.base.ahead import ahead
from lkbuild.base.atomic import amending
from lkbuild.base.digest import Digest

CHUNK: Final = 1 << 20
_ZEROS: Final = bytes(CHUNK)
#: From this size on another thread, and a moment without the old file, cost less than they gain.
LARGE: Final = 16 << 20


class Writable(Protocol):
    """What is written to."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Append; how much was taken."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move."""
        ...

    def truncate(self, size: int | None = None, /) -> int:
        """End the file here."""
        ...


def copy(source: BinaryIO, size: int, out: Writable) -> None:
    """Write all of a stream of so many bytes. Whoever calls ends the file there: the last bytes may be a hole."""
    chunks = iter(lambda: source.read(CHUNK), b"")
    if size < LARGE:
        _pour(chunks, out)
    else:
        with ahead(chunks) as made:
            _pour(made, out)


def _pour(chunks: Iterator[bytes], out: Writable) -> None:
    for chunk in chunks:
        if len(chunk) == CHUNK and chunk == _ZEROS:
            out.seek(CHUNK, 1)
            continue
        view = memoryview(chunk)
        while view:
            view = view[out.write(view) or 0 :]


def amend(
    target: Path, before: Sequence[Digest], after: Sequence[Digest], read: Callable[[Digest], BinaryIO], still: Callable[[], bool]
) -> bool:
    """Make a file that is some blobs one after the other into one that is others, where most of it stays. False: nothing was done.

    `still`: whether the file is what it was, asked when nobody else has it any more.
    """
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), min(len(before), len(after)))
    kept = sum(part.size for part in after[:same])
    if kept < LARGE or 2 * kept < sum(part.size for part in after):
        return False
    with amending(target, still) as file:
        if file is None:
            return False
        file.seek(kept)
        file.truncate()  # what is skipped below is zeros, not old bytes
        for part in after[same:]:
            with read(part) as source:
                copy(source, part.size, file)
        file.truncate()
    return True
