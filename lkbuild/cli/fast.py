"""The fast path: a command whose files are all as they were says what it said before, without importing anything more.

Stat tells, never a clock and never content; whatever is not exactly as the snapshot has it means the long way, which is always right.
It does not know what a build is: `lkbuild.base.snapshot_format` says what a snapshot holds.
"""

from __future__ import annotations

import gc
import os
import sys
import time

from lkbuild.base.snapshot_format import FIELDS, FOLDER, PREFIX, WORD, cache_folder, head_size, key_of, name_of, packed, read_head, stat_of
from lkbuild.cli.quantities import duration

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: Compares many files in a third of the time; there where lkbuild was installed with a C compiler (hatch_build.py).
PROGRAM = f"{os.path.dirname(__file__)}/unchanged/lkbuild-unchanged"  # noqa: PTH120 - the same
#: So many bytes of a snapshot are worth starting a program: a thousand files.
WORTH = 100_000


def answer(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """0 where a snapshot answered the command, else None: then nothing was written."""
    started = time.monotonic()
    gc.disable()  # tens of thousands of tuples and not one cycle
    try:
        return _answer(arguments, environment, started)
    finally:
        gc.enable()


def _answer(arguments: Sequence[str], environment: Mapping[str, str], started: float) -> int | None:
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib costs 5 ms
        found = _find(key_of(arguments, environment, here), cache_folder(arguments, environment, here))
    except OSError:
        return None
    if found is None:
        return None
    (root, missing, stdout, stderr), file, offset = found
    try:
        os.chdir(root)  # relative paths: the kernel looks up half as many names
        same = not any(map(os.path.lexists, missing)) and _unchanged(file, offset)
    except OSError:
        same = False
    finally:
        os.chdir(here)
    return _say(stdout, stderr, time.monotonic() - started) if same else None


def _find(key: tuple[Any, ...], cache: str) -> tuple[tuple[Any, ...], str, int] | None:
    """The head of a key's snapshot without the key, its file, and where the rest begins; None where there is none or it is damaged."""
    folder = f"{cache}/{FOLDER}"
    name = name_of(key) + "-"
    for file in os.listdir(folder):  # noqa: PTH208 - pathlib costs 5 ms
        if file.startswith(name):
            path = f"{folder}/{file}"
            with open(path, "rb", 0) as opened:  # noqa: PTH123 - the same
                prefix = opened.read(PREFIX)
                # A damaged size must not be asked for as memory.
                head = read_head(prefix, opened.read(min(head_size(prefix), os.fstat(opened.fileno()).st_size)))
                if head is not None and len(head) == 5 and head[0] == key:
                    return head[1:], path, opened.tell()
            return None
    return None


def _unchanged(file: str, offset: int) -> bool:
    """Whether every file's stat is as it was. Raises OSError for one that is gone."""
    if os.stat(file).st_size > WORTH:  # noqa: PTH116 - the same
        try:
            child = os.posix_spawn(PROGRAM, ["lkbuild-unchanged", file, str(offset)], {})
        except OSError:  # there was no compiler, or it is for another machine
            return unchanged(file, offset)
        return os.waitpid(child, 0)[1] == 0
    return unchanged(file, offset)


def unchanged(file: str, offset: int) -> bool:
    """As lkbuild/cli/unchanged, where that is not there or would take longer."""
    with open(file, "rb") as opened:  # noqa: PTH123 - the same
        opened.seek(offset)
        data = opened.read()
    stats = int.from_bytes(data[:WORD], sys.byteorder) * len(FIELDS) * WORD
    known, names = data[WORD : WORD + stats], data[WORD + stats :]
    if len(data) < WORD + stats or names[-1:] not in (b"", b"\0"):
        return False
    return packed(list(map(stat_of, map(os.stat, names.split(b"\0")[:-1])))) == known


def filled(stdout: tuple[bytes, bytes], stderr: tuple[bytes, bytes], seconds: float) -> tuple[bytes, bytes]:
    """What is said on both streams, with the time taken in its place."""
    exact, rounded = repr(round(seconds, 3)).encode(), duration(seconds).encode()
    return (
        stdout[0] + exact + stdout[1] if stdout[1] else stdout[0],
        stderr[0] + rounded + stderr[1] if stderr[0] or stderr[1] else b"",
    )


def _say(stdout: tuple[bytes, bytes], stderr: tuple[bytes, bytes], seconds: float) -> int | None:
    """Say what was said then, with the time taken now in its place."""
    said, noted = filled(stdout, stderr, seconds)
    try:
        sys.stderr.flush()
        os.write(2, noted)
        out = memoryview(said)
        while out:
            out = out[os.write(1, out) :]
    except OSError:
        return None  # the long way has the words for a full disk or a reader that is gone
    return 0
