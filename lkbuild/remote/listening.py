"""What a command writes, heard while it runs: the streams that an engine names, each followed by a thread of its own.

Whatever goes wrong with a stream is silence: the whole log comes with the result, and who listens is told what it has not heard yet.
Does not know what runs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

from lkbuild.remote import messages
from lkbuild.remote.channel import Channel
from lkbuild.remote.faults import Fault, Unavailable

#: Most commands are over before: nobody would see what they write, and it would cost two requests each.
SETTLED_S: Final = 2.0
#: A stream that breaks off is gone on with after so long.
_PAUSE_S: Final = 1.0


class Listening:
    """Listens to the streams of one execution, until it is told that this is over."""

    def __init__(self, channel: Channel, hear: Callable[[bytes], None], settled_s: float) -> None:
        """Nothing is asked yet. `hear` gets bytes as they come, from one thread at a time."""
        self._channel, self._hear, self._settled = channel, hear, settled_s
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._names: tuple[str, ...] = ()
        self._heard: dict[str, int] = {}

    def to(self, names: tuple[str, ...]) -> None:
        """Listen to the streams of standard output and of standard error, "" where there is none: a worker that takes over has others."""
        if names == self._names:
            return
        self._names = names
        for name in names:
            if name and name not in self._heard:
                self._heard[name] = 0
                thread = threading.Thread(target=self._listen, args=(name,), name="remote-log", daemon=True)
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """It is over: nothing is heard after this."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def rest(self, logs: tuple[bytes, ...]) -> bytes:
        """Of the whole logs, what was not heard."""
        names = (*self._names, *("",) * len(logs))
        return b"".join(log[self._heard.get(name, 0) :] for name, log in zip(names, logs, strict=False))

    def _listen(self, name: str) -> None:
        pause = self._settled
        while not self._over.wait(pause):
            try:
                self._follow(name)
            except Unavailable:
                pause = _PAUSE_S
            except Fault:
                return
            else:
                return

    def _follow(self, name: str) -> None:
        request = messages.read_request(name, self._heard[name])
        for message in self._channel.follow(messages.READ, request, due=lambda: math.inf, cancelled=self._over.is_set):
            data = messages.parse_read(message)
            with self._turn:
                if self._over.is_set():
                    return
                self._heard[name] += len(data)
                if name in self._names:
                    self._hear(data)
