"""Uploads blobs to one server: small ones in batches, large ones as streams. Knows what it has seen there; not what it is for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import BinaryIO, Final

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobMissing, BlobStore
from lkbuild.remote.client import Client
from lkbuild.remote.incoming import parts
from lkbuild.remote.names import Name

#: So many batches at most are one attempt, with the tries of one.
_GROUP: Final = 64


class Uploader:
    """Uploads to one server. For one thread at a time.

    Attributes:
        present: what the server is known to have.
        lost: what it has lost, whatever it says: that goes up again.
    """

    def __init__(self, client: Client, local: BlobStore, do: Callable[[Callable[[], None]], bool]) -> None:
        """`do` does something that writes; whether it could be done."""
        self._client, self._local, self._do = client, local, do
        self.present: set[Name] = set()
        self.lost: set[Name] = set()

    def forget(self, name: Name) -> None:
        """The server has lost it, whatever it says."""
        self.present.discard(name)
        self.lost.add(name)

    def send(self, blobs: Mapping[Name, Digest | bytes]) -> None:
        """Upload bytes, and blobs of the store; what is up then is among `present`. What the store has lost is left out."""
        limit = self._client.batch_bytes
        for part in parts((name for name in blobs if name.size <= limit), _GROUP * limit):
            self._batch({name: blobs[name] for name in part})
        for name, source in blobs.items():
            if name.size > limit:
                self._stream(name, self._opener(source))

    def _batch(self, blobs: Mapping[Name, Digest | bytes]) -> None:
        left = dict.fromkeys(blobs)

        def read(name: Name) -> bytes | None:
            data = self._bytes(blobs[name])
            if data is None:
                left.pop(name, None)
            return data

        def write() -> None:
            """What is still to be written: another try goes on where the last one broke off."""
            for name in self._client.write_batch(tuple(left), read):
                if name in left:
                    del left[name]
                    self.present.add(name)
                    self.lost.discard(name)

        self._do(write)

    def _stream(self, name: Name, source: Callable[[], BinaryIO]) -> None:
        upload, tries = str(uuid.uuid4()), 0

        def write() -> None:
            nonlocal tries
            tries += 1
            self._client.write(name, source, upload=upload, again=tries > 1)

        try:
            done = self._do(write)
        except BlobMissing:
            return
        if done:
            self.present.add(name)
            self.lost.discard(name)

    def _opener(self, source: Digest | bytes) -> Callable[[], BinaryIO]:
        if isinstance(source, bytes):
            return lambda: BytesIO(source)
        return lambda: self._local.open(source)

    def _bytes(self, source: Digest | bytes) -> bytes | None:
        if isinstance(source, bytes):
            return source
        try:
            return self._local.get_bytes(source)
        except BlobMissing:
            return None
