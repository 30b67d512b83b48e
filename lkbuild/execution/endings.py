"""How a command that failed ended, in words. Pure. Does not know what it was, nor what it said."""

from __future__ import annotations

from typing import Final

_SIGNALLED: Final = 128  # what a shell makes of a child that a signal ended: POSIX, 2.8.2 Exit Status for Commands
_KNOWN: Final = {
    126: "what it wanted to run can't be run",
    127: "a command was not found",
    _SIGNALLED + 9: "SIGKILL: so Linux ends what takes too much memory",
}


def ended_with(exit_code: int) -> str:
    """The exit code, and what it stands for by the shell's conventions."""
    meaning = _KNOWN.get(exit_code)
    if meaning is None and exit_code > _SIGNALLED:
        import signal  # noqa: PLC0415 - brings enum, which a build that goes well has no use for

        try:
            meaning = signal.Signals(exit_code - _SIGNALLED).name
        except ValueError:
            meaning = None
    return f"it ended with {exit_code}" + (f" ({meaning})" if meaning else "")
