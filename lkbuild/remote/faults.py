"""What can go wrong with a remote, by what it means for us. A fault never fails a build: who asked turns it into a miss.

The text of each is a reason for people, one line, made here so that no server can write more than that to a terminal.
"""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 160


class Fault(Exception):
    """Base of all; as itself: the server refused this request, and would again."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))


class Unavailable(Fault):
    """Down, slow or overloaded: worth another try. `after_s` is what the server asked us to wait; `slow`: we have waited for it already."""

    def __init__(self, reason: str, after_s: float = 0.0, *, slow: bool = False) -> None:
        super().__init__(reason)
        self.after_s, self.slow = after_s, slow


class Denied(Fault):
    """We may not do this, or it does not know who we are."""


class NotThere(Fault):
    """It does not have what was asked for."""


class Misbehaved(Fault):
    """It answered what no honest, working server answers: other bytes, another digest, no message at all."""


class Untrusted(Fault):
    """It gave a result that nobody whom we trust has signed."""


def one_line(text: str) -> str:
    """Printable text of a bounded length: what a server says goes to a terminal."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"
