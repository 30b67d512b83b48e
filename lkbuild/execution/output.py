"""What commands write, on its way to who watches: read from a log that grows, cut into lines. Does not know who watches, nor what runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

#: What is read of a log at once.
_PIECE: Final = 1 << 20
#: A line that is longer is cut: a bar that is drawn without an end is none to wait for.
_LONGEST: Final = 4096


class Lines:
    """Cuts what comes in pieces into lines. Safe to use from many threads."""

    def __init__(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        """`tell` gets lines, as many as a piece ends, without their ends."""
        self._tell = tell
        self._rest = b""
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """More of it."""
        with self._lock:
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LONGEST:
                lines.append(self._rest)
                self._rest = b""
            self._say(lines)

    def end(self) -> None:
        """That was all: what has no end is a line as well."""
        with self._lock:
            rest, self._rest = self._rest, b""
            self._say([rest] if rest else [])

    def _say(self, lines: list[bytes]) -> None:
        if lines:
            self._tell(tuple(_shown(line).decode("utf-8", "replace") for line in lines))


def _shown(line: bytes) -> bytes:
    """What a terminal would be left with: what is drawn over is gone."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


class Tail:
    """Follows a file that somebody else appends to. For one thread."""

    def __init__(self, path: Path, output: Callable[[bytes], None]) -> None:
        """The file need not exist yet."""
        self._path, self._output = path, output
        self._offset = 0

    def look(self) -> bool:
        """Pass on what was added since the last time, or some of it: who writes may be quicker. Whether there was anything."""
        try:
            if self._path.stat().st_size <= self._offset:
                return False
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_PIECE)
        except OSError:
            return False  # a log that can't be read is nobody's failure here
        self._offset += len(data)
        self._output(data)
        return bool(data)

    def end(self) -> None:
        """Pass on the rest: nobody appends to it any more."""
        while self.look():
            pass
