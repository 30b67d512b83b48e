"""Content digests: BLAKE3 of the bytes, and their number.

The size is part of the identity, as in the Remote Execution API. This module does not know where bytes are stored, nor
that other digest functions exist (the store keeps an index of SHA-256 for those who need it).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from lkbuild.base.values import dataclass

_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """BLAKE3 digest of a byte string: 64 lower-case hexadecimal digits, and the size in bytes."""

    hash: str
    size: int

    def __post_init__(self) -> None:
        if not _HEX.match(self.hash) or self.size < 0:
            msg = f"not a digest: {self.hash}/{self.size}"
            raise ValueError(msg)

    def __hash__(self) -> int:
        return hash(self.hash)  # hot: a text's hash is computed once

    def __str__(self) -> str:
        return f"{self.hash}/{self.size}"

    @property
    def short(self) -> str:
        """The first 16 hexadecimal digits: for display and for folder names inside images, never for identity."""
        return self.hash[:16]

    @classmethod
    def parse(cls, text: str) -> Digest:
        """The inverse of ``str``. Raises ValueError for anything else."""
        head, _, tail = text.partition("/")
        if not tail.isdecimal():
            msg = f"not a digest: {text}"
            raise ValueError(msg)
        return cls(head, int(tail))

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of bytes in memory."""
        return cls(blake3(data).hexdigest(), len(data))

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> Digest:
        """The digest of a stream."""
        hasher, size = blake3(), 0
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
        return cls(hasher.hexdigest(), size)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Digest:
        """The digest of a file's content. Raises OSError as ``open`` does."""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - hot path: Path.open costs three times as much
            return cls.of_chunks(iter(lambda: file.read(_CHUNK), b""))


EMPTY: Final = Digest.of(b"")
