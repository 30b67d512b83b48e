"""A command in the sandbox at the caller's terminal: a guest's console (`lkbuild run`), a shell (`lkbuild shell`).

The same sandbox as an action's, plus what `Access` grants: network, devices that exist, writable files. It has no time limit and
its output is not kept. Its terminal is the caller's: what runs in it is the user's own choice, not an input of the build.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from lkbuild.base.errors import HostError, Terminated
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import NOT_FOUND, find_bwrap
from lkbuild.sandbox.folders import mount_points, read_root, temporary_for
from lkbuild.sandbox.plan import FIXED_ENVIRONMENT, Access, plan
from lkbuild.sandbox.process import Child, Stream, start

_TICK_S: Final = 3600.0


def present(devices: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the devices that exist here and that this user may open for writing."""
    return tuple(path for path in devices if _is_device(path) and os.access(path, os.R_OK | os.W_OK))


def run_interactive(
    request: SandboxRun,
    access: Access,
    *,
    bwrap: Path | None = None,
    nested: bool = False,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
) -> int:
    """Run with the caller's standard streams, or those given; returns the exit code (128 + n for signal n, 127 for no such command).

    ^C at the terminal goes to the command as well, which decides; a second one kills it. SIGTERM reaches this process alone, and ends the
    command. Otherwise as `started`.
    """
    with started(request, access, bwrap=bwrap, nested=nested, stdin=stdin, stdout=stdout, stderr=stderr) as child:
        interrupts = 0
        while True:
            try:
                if child.wait(_TICK_S):
                    break
            except Terminated:
                child.stop()
            except KeyboardInterrupt:
                interrupts += 1
                if interrupts > 1:
                    child.stop()
        ending = child.end()
    if not ending.started and ending.exit_code == 1:
        if _is_missing(request):  # bubblewrap has said so
            return NOT_FOUND
        raise HostError("the sandbox can't be set up", hint="run 'lkbuild doctor': it says what this host lacks and how to mend it")
    return ending.exit_code


@contextlib.contextmanager
def started(
    request: SandboxRun,
    access: Access,
    *,
    bwrap: Path | None = None,
    nested: bool = False,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
) -> Iterator[Child]:
    """A command that runs while the block does; at its end it is stopped, where it has not ended, and nothing of it is left.

    Devices that do not exist are left out; `timeout_s` and `log` of the request are not used. It dies with the calling thread.
    Raises HostError where bubblewrap can't be run.
    """
    access = replace(access, devices=present(access.devices))
    root = read_root(request.root)
    with temporary_for(request) as temporary, mount_points(request.work, request.mounts):
        options = plan(request, root, temporary, access=access, nested=nested)
        try:
            child = start(bwrap or find_bwrap(), options, stdin=stdin, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise HostError(f"bubblewrap can't be run: {error}") from error
        try:
            yield child
        finally:
            if child.process.poll() is None:
                child.stop()
            child.end()


def _is_missing(request: SandboxRun) -> bool:
    """Whether a command of the root, by its path or looked up in PATH, is not there."""
    program = request.arguments[0]
    if "/" in program:
        places = [program] if program.startswith("/") else []
    else:
        path = {**dict(FIXED_ENVIRONMENT), **dict(request.environment)}["PATH"]
        places = [f"{folder}/{program}" for folder in path.split(":")]
    return bool(places) and not any(os.path.lexists(f"{request.root}/{place}") for place in places)


def _is_device(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
