"""The fast path: a command whose files are all as they were says what it said before, without importing anything more.

Stat tells, never a clock and never content; whatever is not exactly as the snapshot has it means the long way, which is always right.
It does not know what a build is: `lkbuild.base.snapshot_format` says what a snapshot holds.
"""

from __future__ import annotations

import gc
import os
import sys
import time

from lkbuild.base.file_stats import unchanged
from lkbuild.base.snapshot_format import cache_folder, find, key_of
from lkbuild.cli.quantities import duration

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        found = find(key_of(arguments, environment, here), cache_folder(arguments, environment, here))
    except OSError:
        return None
    if found is None or found.said is None:
        return None
    try:
        os.chdir(found.root)  # relative paths: the kernel looks up half as many names
        same = not any(map(os.path.lexists, found.missing)) and unchanged(found.file, found.offset)
    except OSError:
        same = False
    finally:
        os.chdir(here)
    return _say(*found.said, time.monotonic() - started) if same else None


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
