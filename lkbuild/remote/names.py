"""How a server names bytes: by the digest function that it speaks, BLAKE3 or SHA-256.

A `Name` is a digest in the server's function, a plain `Digest` is BLAKE3 and ours; mypy keeps them apart. Does not know where bytes are.
Source: build.bazel.remote.execution.v2.DigestFunction, and resource names of ByteStream (reference/reapi.md 2.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, NewType, Protocol

from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass

Name = NewType("Name", Digest)


class Hasher(Protocol):
    """What hashlib and blake3 have in common."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """The hash so far."""
        ...


@dataclass(frozen=True, slots=True)
class DigestFunction:
    """A digest function: its number in messages, its part of a resource name (with a slash, where it must stand), and how to compute it."""

    number: int
    segment: str
    new: Callable[[], Hasher]

    def of(self, data: bytes) -> Name:
        """The name of bytes in memory."""
        hasher = self.new()
        hasher.update(data)
        return Name(Digest(hasher.hexdigest(), len(data)))


BLAKE3: Final = DigestFunction(9, "blake3/", blake3)
SHA256: Final = DigestFunction(1, "", hashlib.sha256)
#: In order of preference: the first needs no translation.
FUNCTIONS: Final = (BLAKE3, SHA256)
