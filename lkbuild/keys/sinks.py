"""Where a walk over a key's fields goes: into canonical bytes, or into readable lines.

A sink does not know what it is fed; `lkbuild.keys.manifest` does not know which sink it feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.tree import encode_digest


class Sink(Protocol):
    """Takes the fields of a message in tag order. `number` is the protobuf field, `name` is for people."""

    def text(self, number: int, name: str, value: str) -> None:
        """A singular string."""
        ...

    def item(self, number: int, name: str, value: str) -> None:
        """One string of a repeated field: written even when it is empty."""
        ...

    def integer(self, number: int, name: str, value: int) -> None:
        """A number."""
        ...

    def digest(self, number: int, name: str, value: Digest) -> None:
        """A Digest message."""
        ...

    def message(self, number: int, name: str, body: Callable[[Sink], None]) -> None:
        """A sub-message."""
        ...

    def pair(self, number: int, name: str, pair: tuple[str, str]) -> None:
        """A sub-message of a name and a value."""
        ...

    def covered(self, name: str, value: str) -> None:
        """A part of something whose digest is a field of its own: an explanation shows it, a hash has it already."""
        ...


class BytesSink:
    """Builds the canonical protobuf message."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def text(self, number: int, name: str, value: str) -> None:  # noqa: ARG002 - names are for the other sink
        """See Sink."""
        self._parts.append(wire.text(number, value))

    def item(self, number: int, name: str, value: str) -> None:  # noqa: ARG002 - names are for the other sink
        """See Sink."""
        self._parts.append(wire.message(number, value.encode("utf-8", "surrogateescape")))

    def integer(self, number: int, name: str, value: int) -> None:  # noqa: ARG002 - names are for the other sink
        """See Sink."""
        self._parts.append(wire.integer(number, value))

    def digest(self, number: int, name: str, value: Digest) -> None:  # noqa: ARG002 - names are for the other sink
        """See Sink."""
        self._parts.append(wire.message(number, encode_digest(value)))

    def message(self, number: int, name: str, body: Callable[[Sink], None]) -> None:  # noqa: ARG002 - as above
        """See Sink."""
        inner = BytesSink()
        body(inner)
        self._parts.append(wire.message(number, inner.result()))

    def pair(self, number: int, name: str, pair: tuple[str, str]) -> None:  # noqa: ARG002 - as above
        """See Sink."""
        self._parts.append(wire.message(number, wire.text(1, pair[0]) + wire.text(2, pair[1])))

    def covered(self, name: str, value: str) -> None:
        """Nothing: its digest is in the message already."""

    def result(self) -> bytes:
        """The message."""
        return b"".join(self._parts)


class LinesSink:
    """Collects (name, value) pairs, names dotted from the outside in: the compact manifest of a key."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.lines: list[tuple[str, str]] = []

    def text(self, number: int, name: str, value: str) -> None:  # noqa: ARG002 - numbers are for the other sink
        """See Sink."""
        self.lines.append((self._prefix + name, value))

    item = text

    def integer(self, number: int, name: str, value: int) -> None:  # noqa: ARG002 - numbers are for the other sink
        """See Sink."""
        self.lines.append((self._prefix + name, str(value)))

    def digest(self, number: int, name: str, value: Digest) -> None:  # noqa: ARG002 - numbers are for the other sink
        """See Sink."""
        self.lines.append((self._prefix + name, str(value)))

    def message(self, number: int, name: str, body: Callable[[Sink], None]) -> None:  # noqa: ARG002 - as above
        """See Sink."""
        inner = LinesSink(f"{self._prefix}{name}.")
        body(inner)
        self.lines.extend(inner.lines)

    def pair(self, number: int, name: str, pair: tuple[str, str]) -> None:  # noqa: ARG002 - as above
        """See Sink."""
        self.lines += [(f"{self._prefix}{name}.name", pair[0]), (f"{self._prefix}{name}.value", pair[1])]

    def covered(self, name: str, value: str) -> None:
        """See Sink."""
        self.lines.append((self._prefix + name, value))
