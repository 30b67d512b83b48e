"""Compares files with the stats that a snapshot has of them: whether all are as they were, or which are not.

By a program in C where lkbuild was installed with a compiler (lkbuild/base/unchanged), else in Python, with the same answers. Stat tells,
never a clock and never content. Paths of a snapshot are relative to the working directory of whoever asks. Like `snapshot_format`, which
says what a snapshot is, it imports nothing but what Python has loaded at its start: the fast path asks it first.
"""

from __future__ import annotations

import os
import sys

from lkbuild.base.snapshot_format import FIELDS, WORD, packed, stat_of

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Sequence

#: Compares many files in a third of the time; there where lkbuild was installed with a C compiler (hatch_build.py).
PROGRAM = f"{os.path.dirname(__file__)}/unchanged/lkbuild-unchanged"  # noqa: PTH120 - pathlib costs 5 ms
#: So many bytes of a snapshot are worth starting a program: a thousand files.
WORTH = 100_000
#: Bytes of one file's stats.
ROW = len(FIELDS) * WORD


def unchanged(file: str, offset: int) -> bool:
    """Whether every file's stat is as it was. Raises OSError for one that is gone.

    Args:
        file: a snapshot's path, absolute.
        offset: where its head ends.
    """
    if os.stat(file).st_size > WORTH:  # noqa: PTH116 - the same
        try:
            child = os.posix_spawn(PROGRAM, ["lkbuild-unchanged", file, str(offset)], {})
        except OSError:  # there was no compiler, or it is for another machine
            return unchanged_by_python(file, offset)
        return os.waitpid(child, 0)[1] == 0
    return unchanged_by_python(file, offset)


def unchanged_by_python(file: str, offset: int) -> bool:
    """As lkbuild/base/unchanged, where that is not there or would take longer."""
    found = rows_of(file, offset)
    return found is not None and packed(list(map(stat_of, map(os.stat, found[1])))) == found[0]


def changed(file: str, offset: int, root: str) -> list[int] | None:
    """The numbers of the files that are not as they were, or are gone; None where the snapshot is damaged.

    `root`: what paths are relative to, which is not made the working directory: other threads may have use for that.
    """
    if os.stat(file).st_size > WORTH:  # noqa: PTH116 - the same
        try:
            said = _said_of_changed(file, offset, root)
        except OSError:
            return changed_by_python(file, offset, root)
        return None if said is None else [int.from_bytes(said[at : at + WORD], sys.byteorder) for at in range(0, len(said), WORD)]
    return changed_by_python(file, offset, root)


def _said_of_changed(file: str, offset: int, root: str) -> bytes | None:
    """What the program writes; None where it fails. Raises OSError where there is none."""
    reading, writing = os.pipe()
    with open(reading, "rb") as answer:  # noqa: PTH123 - a pipe has no path
        try:
            actions = [(os.POSIX_SPAWN_DUP2, writing, 1)]
            child = os.posix_spawn(PROGRAM, ["lkbuild-unchanged", file, str(offset), root], {}, file_actions=actions)
        finally:
            os.close(writing)
        said = answer.read()
    return said if os.waitpid(child, 0)[1] == 0 else None


def changed_by_python(file: str, offset: int, root: str) -> list[int] | None:
    """The same without the program."""
    found = rows_of(file, offset)
    if found is None:
        return None
    rows, names = found
    folder = os.fsencode(root)
    return [number for number, name in enumerate(names) if _row_of(os.path.join(folder, name)) != rows[number * ROW : (number + 1) * ROW]]  # noqa: PTH118


def _row_of(path: bytes) -> bytes:
    """A file's stats as a snapshot has them; what no file has where it can't be asked."""
    try:
        return packed([stat_of(os.stat(path))])  # noqa: PTH116 - the same
    except (OSError, ValueError):
        return b""


def rows_of(file: str, offset: int) -> tuple[bytes, Sequence[bytes]] | None:
    """The stats of a snapshot and the names that they are of; None where it is damaged."""
    with open(file, "rb") as opened:  # noqa: PTH123 - the same
        opened.seek(offset)
        data = opened.read()
    count = int.from_bytes(data[:WORD], sys.byteorder)
    known, names = data[WORD : WORD + count * ROW], data[WORD + count * ROW :]
    if len(data) < WORD + count * ROW or names[-1:] not in (b"", b"\0"):
        return None
    found = names.split(b"\0")[:-1]
    return (known, found) if len(found) == count else None
