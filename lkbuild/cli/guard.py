"""The last line of defence: no exception leaves the command as a traceback. Knows exit codes, not verbs.

A bug prints one line and the path of a file with the traceback; a reader that goes away (`lkbuild query ... | head`) is no error
worth a word; a full disk is the host's fault and says so.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from lkbuild.base.errors import HostError, Interrupted, LkbuildError, Terminated
from lkbuild.cli.console import Style, json_of, wants_color
from lkbuild.cli.exit_codes import BROKEN_PIPE, INTERNAL
from lkbuild.cli.flags import TRUE
from lkbuild.cli.options import default_cache
from lkbuild.cli.render import render_error

#: errno values that tell of the host and not of a bug in lkbuild.
_HOST_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EFBIG}
)

#: errno values of what is not there, or not a folder, any more.
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})

#: Bytes that may be free again on a full disk, once what was written in part has gone.
_NEARLY_NOTHING: Final = 64 << 20


def guarded(run: Callable[[], int], arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command; returns its exit code, or that of what it raised, which is then shown."""
    started = time.monotonic()
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # paths that are not UTF-8 go out as they are
        sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # the same streams, or a test's
    with contextlib.suppress(ValueError):  # not the main thread: a test's
        signal.signal(signal.SIGTERM, _terminated)
        # Who ignores it hands that on (signal(7)), and nobody is told how a child ended: to Python that was well, bubblewrap waits on.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        code = run()
        _flush_results()
    except BrokenPipeError:
        return _silenced()
    except KeyboardInterrupt:
        return _show(Interrupted("interrupted"), arguments, environment, started)
    except Exception as error:  # noqa: BLE001 - the one place that must catch everything
        return _failed(error, arguments, environment, started)
    return code


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


def _failed(error: Exception, arguments: Sequence[str], environment: Mapping[str, str], started: float) -> int:
    if isinstance(error, OSError) and error.errno in _GONE and _is_in_lost_store(error, arguments, environment):
        cache = _cache_of(arguments, environment)
        what = f"the store at {cache} was deleted or replaced while in use"
        error = HostError(what, hint="run the command again: it starts with a new store")
    if isinstance(error, OSError) and error.errno in _HOST_ERRORS:
        error = _host_error(error, arguments, environment)
    if isinstance(error, LkbuildError):
        return _show(error, arguments, environment, started)
    return _crashed(error, arguments, environment, started)


def _show(error: LkbuildError, arguments: Sequence[str], environment: Mapping[str, str], started: float) -> int:
    """Print an error on stderr, and as the promised object on stdout where `--json` was given."""
    color = _given("color", arguments, environment) or "auto"
    try:
        sys.stderr.write(render_error(error, Style(wants_color(color, environment, terminal=sys.stderr.isatty()))))
        sys.stderr.flush()
        if "--json" in arguments or environment.get("LKBUILD_JSON", "0").lower() in TRUE:
            from lkbuild.model.report import BuildReport  # noqa: PLC0415 - only for --json

            report = BuildReport(elapsed_s=time.monotonic() - started, errors=(error,))
            sys.stdout.write(json_of(report.to_json(), indent=2) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _silenced()
    except OSError:
        _detach(sys.stdout.fileno())
    return error.exit_code


def _flush_results() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritten(error) from error


def _unwritten(error: OSError) -> HostError:
    return HostError(f"can't write results to stdout: {error.strerror}")


def _is_in_lost_store(error: OSError, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a file is missing because all of the store is: somebody else has removed or replaced it."""
    cache = _cache_of(arguments, environment).absolute()
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return any(Path(name).is_relative_to(cache) for name in names) and not (cache / "FORMAT").exists()


def _host_error(error: OSError, arguments: Sequence[str], environment: Mapping[str, str]) -> HostError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    name = error.filename if isinstance(error.filename, str) else os.fsdecode(error.filename or b"")
    if full and not name:
        name = _without_space(arguments, environment)
        if not name:  # no disk of ours is full: it is where the results go, which are written without a name
            return _unwritten(error)
    what = f"{name}: {error.strerror}" if name else str(error.strerror)
    hint = "free some space there: `lkbuild doctor` looks at the store's disk, `lkbuild cache gc` makes the store smaller" if full else None
    return HostError(what, hint=hint)


def _without_space(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The folder whose disk seems to be full, or nothing: an error of write(2) does not tell in which file it was."""
    out = _given("out", arguments, environment) or "."
    free = {}
    for folder in (_cache_of(arguments, environment), Path(out), Path(environment.get("TMPDIR") or "/tmp")):  # noqa: S108 - only looked at
        with contextlib.suppress(OSError):
            disk = os.statvfs(folder)
            free[str(folder.absolute())] = disk.f_bavail * disk.f_frsize
    fullest = min(free, key=lambda folder: free[folder], default="")
    return fullest if fullest and free[fullest] < _NEARLY_NOTHING else ""


def _crashed(error: Exception, arguments: Sequence[str], environment: Mapping[str, str], started: float) -> int:
    where = _write_traceback(error, arguments, environment)
    what = LkbuildError(
        f"this is a bug in lkbuild: {type(error).__name__}: {error}",
        hint=f"please report it with {where}" if where else "set LKBUILD_CACHE to a folder that can be written to see the traceback",
    )
    _show(what, arguments, environment, started)
    return INTERNAL


def _write_traceback(error: Exception, arguments: Sequence[str], environment: Mapping[str, str]) -> Path | None:
    """Keep the traceback in the cache's `log/`, else in the temporary folder. None where neither can be written."""
    from traceback import format_exception  # noqa: PLC0415 - bugs only

    from lkbuild import __version__  # noqa: PLC0415 - the same

    head = f"lkbuild {__version__}, Python {sys.version}\narguments: {list(arguments)}\n\n"
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (_cache_of(arguments, environment) / "log", Path(environment.get("TMPDIR") or "/tmp")):  # noqa: S108 - last resort
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(head + "".join(format_exception(error)))
        except OSError:
            continue
        return folder / name
    return None


def _cache_of(arguments: Sequence[str], environment: Mapping[str, str]) -> Path:
    """The store's folder as far as it can be told."""
    chosen = _given("cache", arguments, environment)
    return Path(chosen) if chosen else default_cache(environment)


def _given(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """A flag's value, found without the parser: parsing itself may be what failed."""
    for at, argument in enumerate(arguments):
        if argument.startswith(f"--{name}="):
            return argument.partition("=")[2]
        if argument == f"--{name}" and at + 1 < len(arguments):
            return arguments[at + 1]
    return environment.get(f"LKBUILD_{name.upper()}")


def _silenced() -> int:
    """The reader of stdout or stderr is gone: say nothing more, not even at exit."""
    _detach(1)
    return BROKEN_PIPE


def _detach(descriptor: int) -> None:
    """Point a descriptor at /dev/null, so that the interpreter's flush at exit can't fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
