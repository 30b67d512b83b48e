"""The local store with remotes behind it: what is not here is brought when it is read. What is brought was checked and is local then.

Knows neither actions nor protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, TypeVar

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobMissing, BlobStore, BlobWriter, RemoteCache

T = TypeVar("T")


class RemoteBlobs:
    """A BlobStore; the contracts are in lkbuild.model.ports. `has` and `missing` speak of the local store, which puts go to as well."""

    def __init__(self, local: BlobStore, remote: RemoteCache) -> None:
        """`remote` knows what its results have named."""
        self._local, self._remote = local, remote

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are here."""
        return self._local.has(digest)

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those that are not here."""
        return self._local.missing(digests)

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes."""
        return self._local.put_bytes(data)

    def put_file(self, path: Path, *, move: bool = False) -> Digest:
        """Store a file's content."""
        return self._local.put_file(path, move=move)

    def put_stream(self) -> AbstractContextManager[BlobWriter]:
        """Store a stream."""
        return self._local.put_stream()

    def put_parts(self, digests: Sequence[Digest]) -> Digest:
        """Store blobs one after the other, those that only a remote has included."""
        absent = self._local.missing(digests)
        if absent and self._remote.bring(absent, ()):
            raise BlobMissing(min(absent))
        return self._local.put_parts(digests)

    def expect_parts(self, digests: Sequence[Digest]) -> None:
        """Those that are here are read meanwhile."""
        self._local.expect_parts(digests)

    def parts(self, digest: Digest) -> Sequence[Digest]:
        """What bytes are one after the other here."""
        return self._local.parts(digest)

    def put_tree(self, path: Path, *, move: bool = False) -> Digest:
        """Store a directory."""
        return self._local.put_tree(path, move=move)

    def get_bytes(self, digest: Digest) -> bytes:
        """The bytes, verified."""
        return self._blob(digest, self._local.get_bytes)

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream."""
        return self._blob(digest, self._local.open)

    def path_of(self, digest: Digest, *, executable: bool = False) -> Path:
        """A read-only file with the bytes."""
        return self._blob(digest, lambda wanted: self._local.path_of(wanted, executable=executable))

    def tree_path(self, root: Digest) -> Path:
        """A read-only directory with a tree's content."""
        try:
            return self._local.tree_path(root)
        except BlobMissing:
            if self._remote.bring((), (root,)):
                raise BlobMissing(root) from None
            return self._local.tree_path(root)

    def walk(self, root: Digest) -> Iterator[tuple[str, Digest, bool]]:
        """(path, digest, executable) of the files of a tree. They are brought with it: who lists a tree reads it."""
        if self._remote.bring((), (root,)):
            raise BlobMissing(root)
        return self._local.walk(root)  # type: ignore[attr-defined,no-any-return]  # of TreeReader, which every store here is as well

    def find_sha256(self, sha256: str) -> Digest | None:
        """Stored bytes by SHA-256."""
        return self._local.find_sha256(sha256)

    def record_sha256(self, sha256: str, digest: Digest) -> None:
        """Remember a pair of digests."""
        self._local.record_sha256(sha256, digest)

    def sha256_of(self, digest: Digest) -> str | None:
        """The recorded SHA-256 of a digest."""
        return self._local.sha256_of(digest)

    def _blob(self, digest: Digest, read: Callable[[Digest], T]) -> T:
        try:
            return read(digest)
        except BlobMissing:
            if self._remote.bring((digest,), ()):
                raise
            return read(digest)
