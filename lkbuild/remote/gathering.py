"""What many threads want done at a server, done by one of them for all who wait meanwhile: so it costs few round trips when it is busy.

Does not know what is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from lkbuild.base.values import dataclass
from lkbuild.model.ports import CANCELLED
from lkbuild.remote.faults import Fault

T = TypeVar("T")

_TICK_S: Final = 0.1


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    item: T
    cancelled: Callable[[], bool]
    over: bool = False
    error: Exception | None = None


class Gathering(Generic[T]):
    """One group at a time. Safe to use from many threads."""

    def __init__(self, act: Callable[[Sequence[T], Callable[[], bool]], None]) -> None:
        """`act` does it for some, and may end early once its second argument says that none of them is waited for."""
        self._act = act
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting[T]] = []

    def join(self, item: T, cancelled: Callable[[], bool]) -> None:
        """Return when it was done. Raises what `act` raised for it, Fault where nobody waits for it any more."""
        mine = _Waiting(item, cancelled)
        with self._guard:
            self._waiting.append(mine)
        while not mine.over:
            if self._turn.acquire(timeout=_TICK_S):
                try:
                    if not mine.over:
                        self._lead()
                finally:
                    self._turn.release()
            elif cancelled():
                with self._guard:
                    if mine in self._waiting:
                        self._waiting.remove(mine)
                raise Fault(CANCELLED)
        if mine.error is not None:
            raise mine.error

    def waiting(self) -> int:
        """How many wait for a group that has not begun."""
        with self._guard:
            return len(self._waiting)

    def alone(self, act: Callable[[], None]) -> None:
        """Do something else while nothing is done for anybody."""
        with self._turn:
            act()

    def _lead(self) -> None:
        """Do it for all who wait now: together, and where that fails each for itself, so that it fails only for whose fault it is."""
        with self._guard:
            group, self._waiting = self._waiting, []
        if len(group) == 1 or self._failed(group):
            for one in group:
                one.error = self._failed([one])
        for one in group:
            one.over = True

    def _failed(self, group: Sequence[_Waiting[T]]) -> Exception | None:
        try:
            self._act([one.item for one in group], lambda: all(one.cancelled() for one in group))
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            return error
        return None
