"""A disk that was built, and a place that takes it. Does not know any place, nor how a disk is built.

A place says first what it will do: `steps` is what `--dry-run` prints, and `send` tells each of them as it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from lkbuild.base.errors import UsageError, nearest
from lkbuild.base.values import dataclass

#: Is told of a step as it is done.
Note = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """An image's disk as a file: `name` is the image's, `arch` its architecture, `digest` that of the content."""

    path: Path
    name: str
    arch: str
    digest: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def blocks(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Blocks by number that are not all zeros, each filled up to the size."""
        zeros = bytes(size)
        with self.path.open("rb") as file:
            for index, block in enumerate(iter(lambda: file.read(size), b"")):
                whole = block.ljust(size, b"\0")
                if whole != zeros:
                    yield index, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`scheme://name?key=value&...`: where to, in the form of a place's own."""

    scheme: str
    name: str
    options: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises UsageError for text that is none."""
        parts = urlsplit(text)
        try:
            options = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            raise UsageError(f"'{parts.query}' of {text} is no list of key=value") from None
        return cls(scheme=parts.scheme, name=(parts.netloc + parts.path).rstrip("/"), options=options, text=text)

    def chosen(self, *known: str) -> dict[str, str]:
        """The options, all of them known. Raises UsageError."""
        for key, _ in self.options:
            if key not in known:
                hint = nearest(key, known) or (f"it takes: {', '.join(known)}" if known else "it takes none")
                raise UsageError(f"{self.scheme}:// takes no '{key}'", hint=hint)
        return dict(self.options)


class Destination(Protocol):
    """A place. `group` is the output of the image that it takes: a format, by name."""

    @property
    def group(self) -> str: ...  # noqa: D102 - see the class

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """What `send` will do, a line each."""
        ...

    def send(self, disk: Disk, note: Note) -> str:
        """Do it; what the disk is called there. Raises RemoteFailed where the place refuses, HostError where its SDK is missing."""
        ...
