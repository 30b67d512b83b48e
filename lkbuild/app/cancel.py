"""The cancel flag: how a signal reaches a running build. It does not know who sets it, nor what stops."""

from __future__ import annotations


class Cancel:
    """A flag that is set once and read from any thread.

    A plain attribute and not a threading.Event: `request` is called from a signal handler, and Event.set takes a lock that the
    interrupted main thread may hold (a deadlock). An attribute's assignment is atomic. Readers poll; nobody waits on it.
    """

    __slots__ = ("_requested",)

    def __init__(self) -> None:
        self._requested = False

    def request(self) -> None:
        """Ask for an orderly stop. Safe in a signal handler; more than once is once."""
        self._requested = True

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._requested

    def __call__(self) -> bool:
        """The same as `requested`: what `Sandbox.run(cancelled=...)` takes."""
        return self._requested
