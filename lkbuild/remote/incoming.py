"""Blobs on their way to us. Asks one server, by its names; does not know what is wanted, nor whether a server may be asked again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobWriter
from lkbuild.remote.client import Client
from lkbuild.remote.faults import Misbehaved, NotThere
from lkbuild.remote.names import DigestFunction, Name

D = TypeVar("D", bound=Digest)


class Incomplete(Exception):
    """A transfer that did not come to its end."""


class Incoming:
    """One blob on its way to us: a transfer that breaks off goes on where it was."""

    def __init__(self, client: Client, name: Name, function: DigestFunction) -> None:
        """Nothing is asked for yet. `hasher` computes what the server calls what came."""
        self._client, self._name = client, name
        self.hasher = function.new()
        self._offset = self._before = 0

    def into(self, writer: BlobWriter) -> bool:
        """Receive the rest. Raises Fault."""
        for chunk in self._client.read(self._name, self._offset):
            if self._offset + len(chunk) > self._name.size:
                raise Misbehaved(f"more bytes than {self._name.short} has")
            writer.write(chunk)
            self.hasher.update(chunk)
            self._offset += len(chunk)
        if self._offset < self._name.size:
            raise Misbehaved(f"only {self._offset} of the {self._name.size} bytes of {self._name.short}")
        return True

    def advanced(self) -> bool:
        """Whether something came since this was asked last."""
        before, self._before = self._before, self._offset
        return self._offset > before


def read_whole(client: Client, name: Name, function: DigestFunction) -> bytes:
    """A blob in memory, checked by the server's own name for it. Raises Fault."""
    small = name.size <= client.batch_bytes
    data = dict(client.read_batch((name,))).get(name) if small else b"".join(client.read(name, 0))
    if data is None:
        raise NotThere(f"no {name.short}")
    if function.of(data) != name:
        raise Misbehaved(f"other bytes than those of {name.short}")
    return data


def parts(blobs: Iterable[D], limit: int) -> Iterator[list[D]]:
    """Groups of blobs of a bounded size together."""
    part: list[D] = []
    size = 0
    for blob in blobs:
        if part and size + blob.size > limit:
            yield part
            part, size = [], 0
        part.append(blob)
        size += blob.size
    if part:
        yield part
