"""What a client of one server offers, whatever it speaks. In the server's names only; raises Fault, tries nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Protocol

from lkbuild.remote.names import DigestFunction, Name


class Client(Protocol):
    """A server's cache. Safe to use from many threads, once `connect` was called.

    Attributes:
        function: the digest function spoken, once connected.
        batch_bytes: blobs up to this size, together, go in one batch; larger ones go as streams.
        keeps_directories: whether it looks into trees, and believes those only whose every directory is a blob of its own as well.
        may_update: whether the server says that it takes results.
    """

    function: DigestFunction
    keeps_directories: bool
    batch_bytes: int
    may_update: bool

    def connect(self) -> None:
        """Find out what the server can do."""
        ...

    def missing(self, names: Sequence[Name]) -> set[Name]:
        """Those that the server does not have."""
        ...

    def read_batch(self, names: Sequence[Name]) -> Iterator[tuple[Name, bytes]]:
        """Small blobs, as many as it has, as they come; not verified."""
        ...

    def read(self, name: Name, offset: int) -> Iterator[bytes]:
        """A blob from an offset; not verified, never more than its size."""
        ...

    def write_batch(self, names: Sequence[Name], read: Callable[[Name], bytes | None]) -> Iterator[Name]:
        """Upload small blobs; those that the server has taken, as it says so. `read` gives the bytes of one, None: they are gone."""
        ...

    def write(self, name: Name, source: Callable[[], BinaryIO], *, upload: str, again: bool) -> None:
        """Upload a blob; `source` opens its bytes from the beginning.

        `upload` is a UUID; a second try gives the same one and says so by `again`, so that it may go on where the first broke off.
        """
        ...

    def results(self, actions: Sequence[Name]) -> dict[Name, bytes]:
        """The ActionResult messages of those actions that have one."""
        ...

    def put_results(self, results: Mapping[Name, bytes]) -> None:
        """Record ActionResults by their actions."""
        ...

    def close(self) -> None:
        """Give connections up."""
        ...
