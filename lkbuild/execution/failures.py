"""What is kept of a failed action, and the error that tells of it: label, command, end of the log, and a way into its sandbox.

Does not know why it failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.errors import BuildFailed, HostError, LkbuildError
from lkbuild.model.action import PlannedAction
from lkbuild.model.ports import SandboxRun

_LAST_LINES: Final = 30
_LAST_BYTES: Final = 64 * 1024
_FULL: Final = 64 << 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def keep_failure(
    planned: PlannedAction, request: SandboxRun, reason: str, command: str, folder: Path, *, advice: str | None = None
) -> LkbuildError:
    """Keep working directory and log of a failed action under `folder`, and make the error.

    The last failure of each action is kept; an earlier one gives way. On a disk that is full nothing is kept: what an action that
    filled it has left would keep it full, and the next build could not even begin.
    """
    tail = log_tail(request.log)
    with _place(planned, folder) as kept:
        if _is_full(request.work):
            return HostError(
                f"no space left for {planned.info.mnemonic}: {reason}",
                label=planned.info.label,
                position=planned.info.position,
                detail=_shown(request.arguments, tail),
                hint="free some space, run: lkbuild cache gc, or pass --cache DIR",
            )
        kept.mkdir()
        log = kept / "log"
        if request.log.exists():
            shutil.move(request.log, log)
        work = kept / "build"
        shutil.move(request.work, work)
        moved = command.replace(str(request.work), str(work))
        script = kept / "command.sh"
        usage = f"# Runs the failed command again, in the same sandbox; `sh {script} sh` starts a shell there instead."
        script.write_text(f"#!/bin/sh\n{usage}\n{_with_override(moved, request)}\n")
        script.chmod(0o755)
    return BuildFailed(
        f"{planned.info.mnemonic} failed: {reason}",
        label=planned.info.label,
        position=planned.info.position,
        detail=_shown(request.arguments, tail),
        hint="\n".join([*([advice] if advice else []), f"log: {log}", f"shell in its sandbox: sh {script} sh"]),
    )


def keep_log(planned: PlannedAction, log: bytes, reason: str, folder: Path) -> BuildFailed:
    """Keep the log of an action that failed elsewhere under `folder`, and make the error: all else of it is on another machine."""
    with _place(planned, folder) as kept:
        kept.mkdir()
        path = kept / "log"
        path.write_bytes(log)
        tail = log_tail(path)
    return BuildFailed(
        f"{planned.info.mnemonic} failed: {reason}",
        label=planned.info.label,
        position=planned.info.position,
        detail=_shown(planned.spec.arguments, tail),
        hint=f"log: {path}\nit ran on an engine; --strategy=sandbox runs it here and keeps its folder",
    )


@contextlib.contextmanager
def _place(planned: PlannedAction, folder: Path) -> Iterator[Path]:
    """Where a failure is kept: nothing is there any more, nor comes from another build that fails at the same.

    The same target may fail for two architectures at once, each in a place of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        kept = folder / _UNSAFE.sub("_", f"{planned.info.id}-{planned.info.mnemonic}").strip("_")
        shutil.rmtree(kept, ignore_errors=True)
        yield kept
    finally:
        os.close(handle)


def _shown(arguments: tuple[str, ...], tail: list[str]) -> str:
    return "\n".join([f"$ {shlex.join(arguments)[:2000]}", *tail])


def _is_full(path: Path) -> bool:
    """Whether less is free than a hundredth of the file system, or than 64 MiB where that is less."""
    usage = shutil.disk_usage(path)
    return usage.free < min(usage.total // 100, _FULL)


def _with_override(command: str, request: SandboxRun) -> str:
    """Let the script's own arguments take the place of the command's."""
    original = shlex.join(request.arguments)
    if not command.endswith(original):
        return command
    return f'[ $# -gt 0 ] || set -- {original}\n{command.removesuffix(original)}"$@"'


def log_tail(log: Path) -> list[str]:
    """The last lines of a log; none where it can't be read."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LAST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.splitlines()[-_LAST_LINES:]
