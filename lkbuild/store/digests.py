"""Pairs of digests: which stored bytes have which SHA-256. For lock files, registries and remotes that speak no BLAKE3."""

from __future__ import annotations

import threading

from lkbuild.base.digest import Digest
from lkbuild.store.actions import checksum
from lkbuild.store.blobs import Blobs
from lkbuild.store.writer import Write


class DigestPairs:
    """The index of SHA-256 digests of one opened store."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._reverse: dict[Digest, str] | None = None

    def find(self, sha256: str) -> Digest | None:
        """The digest of stored bytes with this SHA-256, or None."""
        raw = bytes.fromhex(sha256)
        queued = self._blobs.peek("sha256", sha256)
        if isinstance(queued, Digest):
            return queued if self._blobs.has(queued) else None
        row = self._blobs.database.row("SELECT hash, size, checksum FROM sha256 WHERE sha256 = ?", (raw,))
        if row is None or checksum(raw, row[0], str(row[1]).encode()) != row[2]:
            return None
        digest = Digest(row[0].hex(), row[1])
        return digest if self._blobs.has(digest) else None

    def record(self, sha256: str, digest: Digest) -> None:
        """Remember a pair."""
        raw, key = bytes.fromhex(sha256), bytes.fromhex(digest.hash)
        row = (raw, key, digest.size, checksum(raw, key, str(digest.size).encode()))
        sql = "INSERT OR REPLACE INTO sha256 VALUES (?, ?, ?, ?)"
        self._blobs.writer.submit(Write(("sha256", sha256), digest, lambda connection: connection.execute(sql, row)))
        if self._reverse is not None:
            self._reverse[digest] = sha256

    def of(self, digest: Digest) -> str | None:
        """The SHA-256 recorded for a digest, or None. Only remotes that speak no BLAKE3 ask: the first one reads the whole index."""
        with self._lock:
            if self._reverse is None:
                if self._blobs.database.writable:
                    self._blobs.writer.flush()
                rows = self._blobs.database.rows("SELECT sha256, hash, size, checksum FROM sha256")
                sound = (row for row in rows if checksum(row[0], row[1], str(row[2]).encode()) == row[3])
                self._reverse = {Digest(key.hex(), size): raw.hex() for raw, key, size, _ in sound}
        return self._reverse.get(digest)
