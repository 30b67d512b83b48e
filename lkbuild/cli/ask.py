"""The asking side of a resident process: hand a build over to it, and say what it says.

There may be none, or one that is busy, hung, of another version or about to die: then the build is done here, in the ordinary way, which
never needs it. Nothing but the standard library is imported, and that only where somebody listens.
"""

from __future__ import annotations

import os

from lkbuild.base.snapshot_format import cache_folder, key_of

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    import _socket
    from collections.abc import Mapping, Sequence

#: How long the other side may think about whether to take it, in seconds. It answers at once or is busy.
PATIENCE_S = 1.0
_INTERRUPTED = 8
_NOTICE = b"\nstopping in order, what was built is kept; Ctrl-C again kills\n"


def ask(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """The exit code of a build that a resident process did, or None: then nothing was written to stdout."""
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib costs 5 ms
        folder = os.open(cache_folder(arguments, environment, here) + "/resident", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _ask(folder, arguments, environment, here) if _is_build(arguments) else None
    except OSError:  # nobody listens, it takes too long, or it went away
        return None
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        os.close(folder)


def _is_build(arguments: Sequence[str]) -> bool:
    from lkbuild.cli.verbs import VERBS  # noqa: PLC0415 - only where somebody may listen

    return arguments[0] == "build" or not any(word in VERBS for word in arguments)


def _ask(folder: int, arguments: Sequence[str], environment: Mapping[str, str], here: str) -> int | None:
    from lkbuild.base import resident_protocol as protocol  # noqa: PLC0415 - only where somebody has listened

    for address in protocol.addresses(folder, here):
        import _socket  # noqa: PLC0415 - only where somebody may listen; socket itself costs 4 ms

        connection = _socket.socket(_socket.AF_UNIX)
        try:
            connection.settimeout(PATIENCE_S)
            connection.connect(address)
            protocol.send(connection, _request(arguments, environment, here))
            said = connection.recv(1)
            if said == protocol.ACCEPTED:
                protocol.pass_on(connection, 2)
            return _wait(connection) if said in (protocol.KNOWN, protocol.ACCEPTED) else None
        finally:
            connection.close()
    return None


def _request(arguments: Sequence[str], environment: Mapping[str, str], here: str) -> tuple[object, ...]:
    mask = os.umask(0o077)
    os.umask(mask)
    return key_of(arguments, environment, here), list(arguments), dict(environment), here, mask


def _wait(connection: _socket.socket) -> int | None:
    """What it came to. Ctrl-C is passed on, and the second one ends the wait."""
    import _signal as signal  # type: ignore[import-not-found]  # noqa: PLC0415 - signal itself makes enums of all its names

    from lkbuild.base import resident_protocol as protocol  # noqa: PLC0415 - imported already

    connection.settimeout(None)
    interrupts = 0

    def handle(_number: int, _frame: object) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            raise KeyboardInterrupt
        os.write(2, _NOTICE)
        connection.send(protocol.CANCEL)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code, stdout, stderr = protocol.receive(connection)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (EOFError, OSError, ValueError, TypeError):
        return _INTERRUPTED if interrupts else None  # it is gone: what it has built is in the store
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return _say(code, stdout, stderr)


def _say(code: int, stdout: bytes, stderr: bytes) -> int | None:
    try:
        if stderr:
            os.write(2, stderr)
        rest = memoryview(stdout)
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        return None  # the long way has the words for a full disk or a reader that is gone
    return code
