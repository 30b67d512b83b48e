"""Verification: every byte of a store against its name, every row against its checksum.

Repairing removes what is wrong, so that it is built again. Damage is what a reader could take for right; leftovers (files without
a row, packed bytes without a blob) are what a killed process leaves: harmless, and removed with the damage.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from blake3 import blake3

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.store import codec, leases, parts
from lkbuild.store.actions import checksum, result_of
from lkbuild.store.blobs import FILE_RAW, FILE_ZSTD, PACKED_RAW, PARTS, ROWS, Entry, forget
from lkbuild.store.disk import DiskStore
from lkbuild.store.failures import REPAIR_HINT, StoreDamaged, StoreReadOnly
from lkbuild.store.inventory import files_below
from lkbuild.store.rebuild import rebuild
from lkbuild.store.trees import digest_of, remove_tree

_KEPT: Final = 1000
_BLOB: Final = "SELECT kind, size, used, data FROM blobs LEFT JOIN packed ON packed.id = blobs.packed WHERE hash = ?"


class _Partless(Exception):
    """A part of a list is gone or damaged."""


@dataclass(slots=True)
class VerifyReport:
    """What a verification saw.

    Attributes:
        blobs: how many were read, and their uncompressed bytes.
        bytes: uncompressed bytes read.
        trees: materialised trees read.
        actions: results and recipes looked at.
        damaged: what is wrong, in words, with digests; no more than a thousand.
        leftovers: what killed processes left.
        repaired: whether all of both was removed.
    """

    blobs: int = 0
    bytes: int = 0
    trees: int = 0
    actions: int = 0
    damaged: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        """Whether nothing that is in the store could give a wrong byte."""
        return not self.damaged


def verify(store: DiskStore, *, repair: bool = False) -> VerifyReport:
    """Read everything; with `repair`, remove what is wrong.

    Raises:
        StoreError: the store is read-only and is to be repaired, or the database itself is damaged (StoreDamaged: `rebuild` it).
    """
    if repair and not store.writable:
        raise StoreReadOnly(f"the store at {store.layout.root} is read-only", hint="repair it as its owner")
    store.flush()
    problems = store.database.rows("PRAGMA quick_check(3)")
    if problems != [("ok",)]:
        raise StoreDamaged(f"the database of the store at {store.layout.root} is damaged: {problems[0][0]}", hint=REPAIR_HINT)
    check = _Verification(store, repair=repair)
    with store.bytes.uses.unnoted():
        check.blobs()
        check.rows()
        check.trees()
        check.expanded()
        check.leftovers()
    check.report.repaired = repair
    return check.report


def verify_folder(root: Path, *, repair: bool = False) -> VerifyReport:
    """Verify the store in a folder; with `repair`, give it a new database where the old one can't be read.

    Raises:
        StoreError: it can't be opened; StoreDamaged: its database is damaged and it is not to be repaired.
    """
    try:
        with DiskStore.open(root) as store:
            return verify(store, repair=repair)
    except StoreDamaged as error:
        if not repair:
            raise
        rebuild(root)
        with DiskStore.open(root) as store:
            report = verify(store, repair=True)
        report.damaged.insert(0, error.message)
        return report


class _Verification:
    """One run; `good` are inodes whose bytes were read and are right."""

    def __init__(self, store: DiskStore, *, repair: bool) -> None:
        self.store, self.repair = store, repair
        self.report = VerifyReport()
        self.good: set[int] = set()

    def note(self, what: str) -> None:
        if len(self.report.damaged) < _KEPT:
            self.report.damaged.append(what)

    def leftover(self, what: str) -> None:
        if len(self.report.leftovers) < _KEPT:
            self.report.leftovers.append(what)

    def blobs(self) -> None:
        database = self.store.database
        pairs = dict(database.rows("SELECT hash, sha256 FROM sha256"))
        for (raw,) in database.rows("SELECT hash FROM blobs ORDER BY hash"):
            row = database.row(_BLOB, (raw,))
            if row is None:
                continue  # collected meanwhile
            digest = Digest(raw.hex(), row[1])
            self.report.blobs += 1
            self.report.bytes += digest.size
            sha256 = hashlib.sha256() if raw in pairs else None
            try:
                self._read(digest, Entry(*row), sha256)
            except _Partless:  # nobody finds it; what is wrong is told of the part
                self.leftover(f"parts of {digest}")
            except (codec.Damaged, OSError):
                self.note(f"blob {digest}")
            else:
                if sha256 is not None and sha256.digest() != pairs[raw]:
                    self._wrong_row("sha256", "sha256", pairs[raw])
                continue
            if self.repair:
                self.store.bytes.discard(digest)

    def _read(self, digest: Digest, entry: Entry, sha256: hashlib._Hash | None) -> None:
        """Read all of a blob. Raises Damaged, OSError, and _Partless where a list is right and what it names is not."""
        whole = blake3() if entry.kind == PARTS else None
        for chunk in self._chunks(digest, entry):
            for hasher in (whole, sha256):
                if hasher is not None:
                    hasher.update(chunk)
        if whole is not None and whole.hexdigest() != digest.hash:
            raise codec.Damaged(str(digest))
        if entry.kind in (FILE_RAW, FILE_ZSTD):
            self.good.add(self.store.layout.blob(digest, compressed=entry.kind == FILE_ZSTD).stat().st_ino)

    def _chunks(self, digest: Digest, entry: Entry) -> Iterator[bytes]:
        if entry.kind == PARTS:
            yield from self._parts(parts.decode(digest, entry.data or b""))
        elif entry.kind in ROWS:
            data = entry.data or b""
            plain = data if entry.kind == PACKED_RAW else codec.restore(data, digest.size)
            if entry.data is None or Digest.of(plain) != digest:
                raise codec.Damaged(str(digest))
            yield plain
        else:
            compressed = entry.kind == FILE_ZSTD
            yield from codec.chunks_checked(self.store.layout.blob(digest, compressed=compressed), digest, compressed=compressed)

    def _parts(self, some: Iterable[Digest]) -> Iterator[bytes]:
        for part in some:
            row = self.store.database.row(_BLOB, (bytes.fromhex(part.hash),))
            if row is None or row[1] != part.size:
                raise _Partless(str(part))
            try:
                yield from self._chunks(part, Entry(*row))
            except (codec.Damaged, OSError) as error:
                raise _Partless(str(part)) from error

    def rows(self) -> None:
        database = self.store.database
        for raw, data, check in database.rows("SELECT key, result, checksum FROM actions"):
            self.report.actions += 1
            if result_of(raw, data, check) is None:
                self._wrong_row("actions", "key", raw)
        for raw, key, size, check in database.rows("SELECT recipe, key, size, checksum FROM recipes"):
            self.report.actions += 1
            if checksum(raw, key, str(size).encode()) != check:
                self._wrong_row("recipes", "recipe", raw)
        for raw, key, size, check in database.rows("SELECT sha256, hash, size, checksum FROM sha256"):
            if checksum(raw, key, str(size).encode()) != check:
                self._wrong_row("sha256", "sha256", raw)

    def _wrong_row(self, table: str, column: str, key: bytes) -> None:
        self.note(f"{table} {key.hex()}")
        if self.repair:
            with self.store.database.transaction() as connection:
                connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (key,))  # noqa: S608 - names of this module

    def trees(self) -> None:
        sizes = {raw.hex(): size for raw, size in self.store.database.rows("SELECT hash, size FROM trees")}
        for entry in list(os.scandir(self.store.layout.trees)):
            if entry.name not in sizes:
                self.leftover(f"tree {entry.name}")
                if self.repair:
                    remove_tree(self.store.bytes, Digest(entry.name, 0))
                continue
            self.report.trees += 1
            root = Digest(entry.name, sizes[entry.name])
            if digest_of(Path(entry.path)) != root:
                self.note(f"tree {root}")
                if self.repair:
                    remove_tree(self.store.bytes, root)

    def expanded(self) -> None:
        for file in files_below(self.store.layout.root / "expanded"):
            if file.inode in self.good:
                continue
            try:
                hasher = blake3()
                with file.path.open("rb", buffering=0) as opened:
                    while chunk := opened.read(codec.CHUNK):
                        hasher.update(chunk)
            except FileNotFoundError:
                continue
            if hasher.hexdigest() != file.path.name.removesuffix(".x"):
                self.note(f"expanded {file.path.name}")
                if self.repair:
                    file.path.unlink(missing_ok=True)

    def leftovers(self) -> None:
        database, layout = self.store.database, self.store.layout
        kinds = {raw.hex(): kind for raw, kind in database.rows("SELECT hash, kind FROM blobs")}
        for file in files_below(layout.root / "blobs"):
            hash_, compressed = file.path.name.removesuffix(".zst"), file.path.name.endswith(".zst")
            if kinds.get(hash_) == (FILE_ZSTD if compressed else FILE_RAW):
                continue
            with leases.locked(layout.files_lock, exclusive=True):
                row = database.row("SELECT kind FROM blobs WHERE hash = ?", (bytes.fromhex(hash_),))
                if row is not None and row[0] == (FILE_ZSTD if compressed else FILE_RAW):
                    continue
                self.leftover(f"file {file.path.name}")
                if self.repair:
                    file.path.unlink(missing_ok=True)
        self._packed_leftovers()

    def _packed_leftovers(self) -> None:
        database = self.store.database
        sql = "SELECT id FROM packed WHERE id NOT IN (SELECT packed FROM blobs WHERE packed IS NOT NULL)"
        unnamed = database.rows(sql)
        for (number,) in unnamed:
            self.leftover(f"packed {number}")
        if unnamed and self.repair:
            with database.transaction() as connection:
                connection.execute(sql.replace("SELECT id FROM packed", "DELETE FROM packed"))
                forget(connection, [])
