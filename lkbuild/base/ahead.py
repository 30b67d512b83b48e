"""Reading ahead: what makes chunks and what takes them run at once, each in a thread. Knows nothing of what they are.

It gains where both leave Python's global lock for most of their time, as hashing, (de)compression, reads and writes of large chunks do.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Final

#: Chunks that are made before they are taken.
_AHEAD: Final = 4


@contextlib.contextmanager
def ahead(chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Chunks that another thread makes, a few of them before they are asked for: what makes them and what takes them run at once.

    What goes wrong there is raised here, in its place. Where no thread can be started, it is one after the other.
    """
    made: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    ended = threading.Event()

    def make() -> None:
        last: BaseException | None = None
        try:
            for chunk in chunks:
                made.put(chunk)
                if ended.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised by who takes
            last = error
        made.put(last)

    def take() -> Iterator[bytes]:
        while isinstance(chunk := made.get(), bytes):
            yield chunk
        if chunk is not None:
            raise chunk

    thread = threading.Thread(target=make, daemon=True)
    if not _started(thread):
        yield chunks
        return
    try:
        yield take()
    finally:
        ended.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                made.get(timeout=0.01)
        thread.join()


def _started(thread: threading.Thread) -> bool:
    try:
        thread.start()
    except RuntimeError:  # a limit of the machine or of a container
        return False
    return True
