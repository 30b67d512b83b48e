"""Baselines on disk, beside the snapshots whose names they have: zstd over marshal, in the user's own cache folder.

A snapshot has the checksum of its baseline: one that is damaged, or of another build of the same command line, is none. Does not know what
a baseline says.
"""

from __future__ import annotations

import contextlib
import marshal
import os
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final
from zlib import crc32

from lkbuild.app.baseline import Baseline
from lkbuild.base.atomic import write_atomic

FOLDER: Final = "baselines"
_FIELDS: Final = tuple(item.name for item in fields(Baseline))
_values = attrgetter(*_FIELDS)
_LEVEL: Final = 1  # hashes don't compress, names do at any level


def write_baseline(cache: Path, name: str, baseline: Baseline) -> int:
    """Keep a baseline; its checksum, or 0 where the disk refuses."""
    import zstandard  # noqa: PLC0415 - a no-op build writes none

    data = zstandard.ZstdCompressor(level=_LEVEL).compress(marshal.dumps((_FIELDS, _values(baseline))))
    folder = cache / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, data)
    except OSError:
        return 0
    return crc32(data)


def read_baseline(cache: Path, name: str, checksum: int) -> Baseline | None:
    """The baseline that has this checksum, or None."""
    import zstandard  # noqa: PLC0415 - the same

    try:
        data = (cache / FOLDER / name).read_bytes()
        if crc32(data) != checksum:
            return None
        names, values = marshal.loads(zstandard.ZstdDecompressor().decompress(data))  # noqa: S302 - the user's own cache folder
    except (OSError, ValueError, EOFError, TypeError, zstandard.ZstdError):
        return None
    return Baseline(**dict(zip(names, values, strict=True))) if names == _FIELDS else None


def forget_baselines(cache: Path, kept: set[str]) -> None:
    """Remove those that have none of these names. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), os.scandir(cache / FOLDER) as entries:
        for entry in entries:
            if entry.name not in kept:
                os.unlink(entry.path)  # noqa: PTH108 - a name of scandir
