"""Blobs on disk: small ones packed in the database, large ones as files. Implements the byte half of BlobStore.

Every read is checked against the digest; what fails is removed and reported as missing, so that the caller makes it again. Knows neither
trees nor actions.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from lkbuild.base import atomic
from lkbuild.base.ahead import ahead
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.base.values import dataclass
from lkbuild.model.ports import BlobMissing
from lkbuild.store import codec, parts
from lkbuild.store.database import Database
from lkbuild.store.expanded import Expanded, create_file, hard_link, seal
from lkbuild.store.failures import StoreReadOnly, translated
from lkbuild.store.foreseen import Foresight, Known
from lkbuild.store.layout import FILE_MODE, MTIME, PACKED_LIMIT, Layout
from lkbuild.store.leases import Lease, locked
from lkbuild.store.uses import Uses
from lkbuild.store.writer import GroupWriter, Write

PACKED_RAW, PACKED_ZSTD, FILE_RAW, FILE_ZSTD, PARTS = range(5)
#: Kinds of which all bytes, or the list of others' that they are, are in the database.
ROWS = frozenset({PACKED_RAW, PACKED_ZSTD, PARTS})
#: In how many lists one is looked for that begins as an expected one does: the one of the build before is among the last.
_RECENT_LISTS: Final = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """What the database says of a blob; `data` of a packed one where it was asked for, or its list of parts."""

    kind: int
    size: int
    used: int
    data: bytes | None = None


class Blobs:
    """The blobs of one opened store."""

    def __init__(self, layout: Layout, database: Database, writer: GroupWriter | None, lease: Lease | None) -> None:
        self.layout, self.database = layout, database
        self._writer, self._lease = writer, lease
        self.uses = Uses(database, lease)
        self._names = itertools.count()
        self._expanded = Expanded(self)
        self.foresight = Foresight(self)

    @property
    def writer(self) -> GroupWriter:
        """The queue of writes. Raises StoreReadOnly where there is none."""
        if self._writer is None:
            raise StoreReadOnly(
                f"the store at {self.layout.root} is read-only", hint="check its owner and mount options, or pass --cache DIR"
            )
        return self._writer

    @property
    def writable(self) -> bool:
        """Whether the store may be written to."""
        return self._writer is not None

    def peek(self, table: str, key: Digest | str) -> object | None:
        """What a queued write says of a row."""
        return None if self._writer is None else self._writer.peek((table, key))

    def temporary(self) -> Path:
        """A new name in this process's folder for unfinished files."""
        if self._lease is None:
            self.writer  # noqa: B018 - raises
        return cast("Lease", self._lease).tmp / str(next(self._names))

    # --- presence ---------------------------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are there: `missing` for one."""
        if self.peek("blobs", digest) is not None:
            return True
        key = bytes.fromhex(digest.hash)
        row = self.database.row("SELECT size, kind, used FROM blobs WHERE hash = ?", (key,))
        if row is None or row[0] != digest.size or not self._in_place(digest, row[1]):
            return False
        return not (self.uses.stale(row[2]) and self.uses.mark("blobs", "hash", (key,)))

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of the digests whose bytes are not there."""
        wanted = {bytes.fromhex(digest.hash): digest for digest in digests}
        found: set[bytes] = {key for key, digest in wanted.items() if self.peek("blobs", digest) is not None}
        rest, stale = [key for key in wanted if key not in found], []
        for key, size, kind, used in self.database.rows_in("SELECT hash, size, kind, used FROM blobs WHERE hash IN (?)", rest):
            if size == wanted[key].size and self._in_place(wanted[key], kind):
                found.add(key)
                if self.uses.stale(used):
                    stale.append(key)
        if stale:
            found -= self.uses.mark("blobs", "hash", stale)
        return {digest for key, digest in wanted.items() if key not in found}

    def _in_place(self, digest: Digest, kind: int) -> bool:
        if kind == PARTS:
            parts = self.parts_of(digest)
            return bool(parts) and not self.missing(parts)
        if kind in ROWS:
            return True
        return os.path.exists(self.layout.blob(digest, compressed=kind == FILE_ZSTD))  # noqa: PTH110 - hot

    def find(self, digest: Digest) -> Entry | None:
        """The row of a blob with its packed data, marked as used; None where it is not there."""
        key = bytes.fromhex(digest.hash)
        queued = self.peek("blobs", digest)
        if isinstance(queued, Entry):
            return queued
        sql = "SELECT kind, size, used, data FROM blobs LEFT JOIN packed ON packed.id = blobs.packed WHERE hash = ?"
        row = self.database.row(sql, (key,))
        if row is None or row[1] != digest.size:
            return None
        entry = Entry(*row)
        if self.uses.stale(entry.used) and self.uses.mark("blobs", "hash", (key,)):
            return None
        return entry

    def parts_of(self, digest: Digest) -> list[Digest]:
        """Those that a blob is a list of; none where it is no list, or a damaged one."""
        queued = self.peek("blobs", digest)
        sql = "SELECT data FROM blobs JOIN packed ON packed.id = blobs.packed WHERE hash = ? AND kind = ?"
        if isinstance(queued, Entry):
            data = queued.data if queued.kind == PARTS else None
        else:
            row = self.database.row(sql, (bytes.fromhex(digest.hash), PARTS))
            data = None if row is None else row[0]
        try:
            return [] if data is None else parts.decode(digest, data)
        except codec.Damaged:
            return []

    # --- putting ----------------------------------------------------------------------------------------------------------

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes."""
        if len(data) > PACKED_LIMIT:
            with self.put_stream() as stream:
                stream.write(data)
            return stream.digest
        digest = Digest.of(data)
        if not self.has(digest):
            self.pack(digest, data)
        return digest

    def pack(self, digest: Digest, data: bytes) -> None:
        """Queue a small blob that is not there."""
        smaller = codec.shrink(data)
        kind, stored = (PACKED_RAW, data) if smaller is None else (PACKED_ZSTD, smaller)
        self.writer.submit(_row(digest, Entry(kind, digest.size, self.uses.now(), stored), len(stored)))

    def put_file(self, path: Path, *, move: bool = False) -> Digest:
        """Store a file's content; with `move` the file may be renamed into the store."""
        handle = _open_source(path)
        try:
            size = os.fstat(handle).st_size
            if size <= PACKED_LIMIT:
                data = os.pread(handle, size + 1, 0)
                if len(data) != size:  # it grew or shrank meanwhile
                    data = b"".join(codec.chunks_of(handle))
                if len(data) <= PACKED_LIMIT:
                    return self.put_bytes(data)
            digest = Digest.of_chunks(codec.chunks_of(handle))
            if self.has(digest):
                return digest
            compressed = codec.worth_compressing(os.pread(handle, codec.PROBE, 0))
            if move and not compressed and self.adopt(path, digest):
                return digest
            # Hashed again while it is copied: what is stored is named by what was stored, even if the file changed in between.
            stored = self._store_chunks(codec.chunks_of(handle), compressed=compressed, expected=digest.size)
            if move and stored == digest:
                self._expanded.keep(path, digest)
            return stored
        finally:
            os.close(handle)

    def _store_chunks(self, chunks: Iterable[bytes], *, compressed: bool, expected: int) -> Digest:
        with translated(self.layout.root), self.unfinished() as temporary:
            sink = codec.Sink(create_file(temporary), compressed=compressed, expected=expected)
            try:
                for chunk in chunks:
                    sink.write(chunk)
                digest = sink.finish(FILE_MODE, MTIME)
            finally:
                sink.abort()
            self.publish(temporary, digest, compressed=compressed)
        return digest

    def publish(self, temporary: Path, digest: Digest, *, compressed: bool) -> None:
        """Rename a finished file to its blob's name and commit its row: in this order, and not while the collector removes files."""
        target = self.layout.blob(digest, compressed=compressed)
        with locked(self.layout.files_lock, exclusive=False):
            stored = temporary.stat().st_size
            atomic.publish(temporary, target)
            # Not queued: a file whose row could not be committed is no blob, and the collector takes it for a leftover.
            self.writer.commit(_row(digest, Entry(FILE_ZSTD if compressed else FILE_RAW, digest.size, self.uses.now()), stored))

    def adopt(self, path: Path, digest: Digest, *, link: bool = False) -> bool:
        """Take a file over as a raw blob by rename, or by a hard link; False where the file system does not let us."""
        temporary = self.temporary()
        try:
            seal(path)
            if link:
                os.link(path, temporary)
            else:
                path.rename(temporary)
        except OSError:
            return False
        with translated(self.layout.root):
            executable = bool(temporary.stat().st_mode & 0o100)
            self.publish(temporary, digest, compressed=False)
            if not link:  # it was just hashed: the next action mounts it without another look
                hard_link(self.layout.blob(digest, compressed=False), self.layout.expanded(digest, executable=executable))
        return True

    def put_parts(self, digests: Sequence[Digest]) -> Digest:
        """Store what stored blobs are one after the other: a list of them, unless they are small. Raises BlobMissing."""
        some = [leaf for digest in digests for leaf in self.parts_of(digest) or (digest,)]
        total = sum(part.size for part in some)
        if total <= PACKED_LIMIT * max(1, len(some)):
            with self.put_stream() as stream:
                for part in some:
                    stream.write(self.get_bytes(part))
            return stream.digest
        # The name is that of the bytes that were read and found to be the parts'. Two threads: each hashes all of them.
        begun = self.foresight.begun(some)
        with ahead(chunk for part in some[len(begun.parts) :] for chunk in self.chunks(part)) as chunks:
            begun.add(chunks)
        whole = begun.digest()
        if not self.has(whole):
            self.writer.flush()
            if gone := self.uses.mark("blobs", "hash", {bytes.fromhex(part.hash) for part in some}):
                raise BlobMissing(next(part for part in some if bytes.fromhex(part.hash) in gone))
            entry = Entry(PARTS, whole.size, self.uses.now(), parts.encode(whole, some))
            self.writer.submit(_row(whole, entry, len(entry.data or b"")))
        return whole

    def expect_parts(self, digests: Sequence[Digest]) -> None:
        """A `put_parts` that begins with these is to come: they are read meanwhile."""
        self.foresight.expect([leaf for digest in digests for leaf in self.parts_of(digest) or (digest,)])

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """The bytes, checked at their end. Raises BlobMissing."""
        with self.open(digest) as stream:
            yield from iter(lambda: stream.read(codec.CHUNK), b"")

    def unchecked(self, digest: Digest) -> Iterator[bytes]:
        """What lies where a blob's bytes should, for those who check it themselves. Raises BlobMissing where nothing does, or no zstd."""
        entry = self.require(digest)
        if entry.kind in ROWS:
            yield from self.chunks(digest)
            return
        try:
            yield from codec.chunks_unchecked(
                self.layout.blob(digest, compressed=entry.kind == FILE_ZSTD), compressed=entry.kind == FILE_ZSTD
            )
        except (codec.Damaged, FileNotFoundError) as error:
            raise BlobMissing(digest) from error

    def recent_lists(self) -> Iterator[Known]:
        """Some of the stored lists, those used last first."""
        # The kind is written out: SQLite looks for an index of such rows only where it can read it in the query's text.
        sql = f"SELECT hash, size FROM blobs WHERE kind = {PARTS} ORDER BY used DESC LIMIT {_RECENT_LISTS}"  # noqa: S608 - two numbers
        for key, size in self.database.rows(sql):
            whole = Digest(key.hex(), size)
            yield Known(whole, tuple(self.parts_of(whole)))

    @contextlib.contextmanager
    def put_stream(self) -> Iterator[StreamWriter]:
        """A writer for bytes of unknown length."""
        stream = StreamWriter(self)
        try:
            yield stream
            stream.finish()
        finally:
            stream.abort()

    @contextlib.contextmanager
    def unfinished(self) -> Iterator[Path]:
        """A temporary name; what is left under it at the end is removed."""
        temporary = self.temporary()
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    # --- getting ----------------------------------------------------------------------------------------------------------

    def get_bytes(self, digest: Digest) -> bytes:
        """The bytes, verified."""
        entry = self.require(digest)
        if entry.kind == PARTS:
            return b"".join(self.chunks(digest))
        with self.trusting(digest):
            if entry.data is None:
                compressed = entry.kind == FILE_ZSTD
                return b"".join(codec.chunks_checked(self.layout.blob(digest, compressed=compressed), digest, compressed=compressed))
            data = entry.data if entry.kind == PACKED_RAW else codec.restore(entry.data, digest.size)
            if Digest.of(data) != digest:
                raise codec.Damaged(str(digest))
            return data

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream; raises BlobMissing at its end, at the latest, where they are damaged."""
        entry = self.require(digest)
        if entry.kind == PARTS:
            with self.trusting(digest):
                some = parts.decode(digest, entry.data or b"")
            return cast("BinaryIO", io.BufferedReader(parts.PartsReader(digest, some, self.open), codec.CHUNK))
        if entry.data is not None:
            return io.BytesIO(self.get_bytes(digest))
        compressed = entry.kind == FILE_ZSTD
        with self.trusting(digest):
            raw = _Stream(self, self.layout.blob(digest, compressed=compressed), digest, compressed=compressed)
        return cast("BinaryIO", io.BufferedReader(raw, codec.CHUNK))

    def path_of(self, digest: Digest, *, executable: bool = False) -> Path:
        """A read-only file with the bytes. It was verified when it was made, and once in each boot; else only its size is looked at."""
        entry = self.require(digest)
        raw = self.layout.blob(digest, compressed=False) if entry.kind == FILE_RAW else None
        return self._expanded.path_of(digest, raw, executable=executable)

    def require(self, digest: Digest) -> Entry:
        """As `find`. Raises BlobMissing."""
        entry = self.find(digest)
        if entry is None:
            raise BlobMissing(digest)
        return entry

    @contextlib.contextmanager
    def trusting(self, digest: Digest) -> Iterator[None]:
        """Within it, what turns out to be damaged or gone is removed, and BlobMissing."""
        try:
            yield
        except (codec.Damaged, FileNotFoundError) as error:
            if isinstance(error, FileNotFoundError) and not self.layout.root.exists():
                raise
            self.discard(digest)
            raise BlobMissing(digest) from error

    def discard(self, digest: Digest) -> None:
        """Remove a damaged blob, so that it is put anew."""
        if self._writer is None:
            return
        self._writer.flush()
        with translated(self.layout.root), locked(self.layout.files_lock, exclusive=True):
            with self.database.transaction() as connection:
                forget(connection, [bytes.fromhex(digest.hash)])
            for compressed in (False, True):
                self.layout.blob(digest, compressed=compressed).unlink(missing_ok=True)


class StreamWriter:
    """Bytes of unknown length on their way into a store: in memory first, then in a file."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._head = bytearray()
        self._sink: codec.Sink | None = None
        self._temporary: Path | None = None
        self._compressed = False
        self._digest: Digest | None = None

    def write(self, data: bytes) -> int:
        """Append bytes."""
        with translated(self._blobs.layout.root):
            if self._sink is not None:
                self._sink.write(data)
            else:
                self._head += data
                if len(self._head) > codec.PROBE:
                    self._spill()
        return len(data)

    def _spill(self) -> None:
        head = bytes(self._head)
        self._head.clear()
        self._compressed = codec.worth_compressing(head)
        self._temporary = self._blobs.temporary()
        self._sink = codec.Sink(create_file(self._temporary), compressed=self._compressed, expected=codec.LARGE)
        for start in range(0, len(head), codec.CHUNK):
            self._sink.write(head[start : start + codec.CHUNK])

    def finish(self) -> None:
        """Everything was written: name it."""
        with translated(self._blobs.layout.root):
            if self._sink is None and len(self._head) <= PACKED_LIMIT:
                self._digest = self._blobs.put_bytes(bytes(self._head))
                return
            if self._sink is None:
                self._spill()
            digest = cast("codec.Sink", self._sink).finish(FILE_MODE, MTIME)
            if not self._blobs.has(digest):
                self._blobs.publish(cast("Path", self._temporary), digest, compressed=self._compressed)
            self._digest = digest

    def abort(self) -> None:
        """Leave nothing behind; harmless after `finish`."""
        if self._sink is not None:
            self._sink.abort()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)

    @property
    def digest(self) -> Digest:
        """What was stored."""
        if self._digest is None:
            msg = "the stream has not ended"
            raise RuntimeError(msg)
        return self._digest


class _Stream(codec.CheckedReader):
    """A stream that tells the store when what it reads is damaged."""

    def __init__(self, blobs: Blobs, path: Path, digest: Digest, *, compressed: bool) -> None:
        super().__init__(path, digest, compressed=compressed)
        self._blobs, self._wanted = blobs, digest

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # as in the base
        try:
            return super().readinto(buffer)
        except codec.Damaged as error:
            self._blobs.discard(self._wanted)
            raise BlobMissing(self._wanted) from error


def _row(digest: Digest, entry: Entry, stored: int) -> Write:
    """The write of a blob's row, and of its bytes where they are packed; `stored` is what they take."""
    key = bytes.fromhex(digest.hash)

    def apply(connection: sqlite3.Connection) -> None:
        found = connection.execute("SELECT size, kind, packed FROM blobs WHERE hash = ?", (key,)).fetchone()
        # A list replaces one: the parts of that are gone.
        if found is not None and found[:2] == (entry.size, entry.kind) and entry.kind != PARTS:
            connection.execute("UPDATE blobs SET used = max(used, ?) WHERE hash = ?", (entry.used, key))
            return
        if found is not None and found[2] is not None:
            connection.execute("DELETE FROM packed WHERE id = ?", (found[2],))
        packed = None
        if entry.data is not None:
            packed = connection.execute("INSERT INTO packed (data) VALUES (?)", (entry.data,)).lastrowid
        row = (key, entry.size, entry.kind, stored, entry.used, packed)
        connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?)", row)

    return Write(("blobs", digest), entry, apply, 200 + len(entry.data or b""))


def forget(connection: sqlite3.Connection, keys: Iterable[bytes]) -> None:
    """Delete rows of blobs with their packed data, and note that something was removed: completeness is to be looked at anew."""
    for key in keys:
        connection.execute("DELETE FROM packed WHERE id = (SELECT packed FROM blobs WHERE hash = ?)", (key,))
        connection.execute("DELETE FROM blobs WHERE hash = ?", (key,))
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'removals'")


def _open_source(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"can't read {path}: {error.strerror}", hint="check that it exists and who may read it") from error
