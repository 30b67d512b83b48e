"""Ctrl-C in order: the first SIGINT or SIGTERM asks the build to stop, the second kills. Knows the flag, not the build."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from lkbuild.app.cancel import Cancel
from lkbuild.base.errors import Interrupted

_NOTICE: Final = b"\nstopping in order, what was built is kept; Ctrl-C again kills\n"


@contextlib.contextmanager
def orderly(cancel: Cancel) -> Iterator[None]:
    """Within the block, a first signal sets the flag, and a second ends the process at once with exit code 8.

    Sandboxed processes die with their parent (bubblewrap's --die-with-parent), so nothing outlives the second signal.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if cancel.requested:
            os._exit(Interrupted.exit_code)
        cancel.request()
        with contextlib.suppress(OSError):
            os.write(2, _NOTICE)  # not the text layer: it may be the one that was interrupted

    previous: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
