"""Rebuilding: a new database for a store whose old one can't be read, from its files and from what can still be read of the old one.

Nothing is believed: blobs are named by what they hash to, rows by their checksums. What is lost is built again. Last uses start anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import zstandard

from lkbuild.base import atomic
from lkbuild.base.boots import boot_id
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.base.values import dataclass
from lkbuild.store import codec, leases
from lkbuild.store import database as tables
from lkbuild.store.actions import checksum, result_of
from lkbuild.store.blobs import FILE_RAW, FILE_ZSTD
from lkbuild.store.disk import DiskStore
from lkbuild.store.failures import translated
from lkbuild.store.inventory import files_below
from lkbuild.store.layout import FOLDERS, FORMAT, PACKED_LIMIT, Layout
from lkbuild.store.trees import digest_of

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What was saved: packed blobs, blobs in files, trees, rows of results, recipes and digest pairs."""

    packed: int
    files: int
    trees: int
    rows: int


def rebuild(root: Path) -> RebuildReport:
    """Give the store in a folder a new database. Call when opening raised StoreDamaged.

    Raises:
        StoreError: another process uses the store, or it can't be written to.
    """
    layout = Layout(root.absolute())
    with translated(layout.root):
        old = _put_aside(layout)
    try:
        with DiskStore.open(layout.root) as store:
            packed = _salvage_packed(store, old)
            rows = _salvage_rows(store, old)
            files = _files(store)
            trees = _trees(store)
            store.flush()
    finally:
        leases.remove_directory(old.parent)
    return RebuildReport(packed=packed, files=files, trees=trees, rows=rows)


def _put_aside(layout: Layout) -> Path:
    for name in FOLDERS:
        (layout.root / name).mkdir(exist_ok=True)
    with leases.locked(layout.open_lock, exclusive=True):
        if leases.live(layout):
            raise StoreError(f"another process uses the store at {layout.root}", hint="wait for it to end, then repair again")
        aside, fresh = layout.root / "damaged", layout.root / ".tmp-new.sqlite"
        leases.remove_directory(aside)
        aside.mkdir()
        fresh.unlink(missing_ok=True)
        tables.create(fresh)
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                layout.database.with_name(layout.database.name + suffix).rename(aside / f"store.sqlite{suffix}")
        atomic.publish(fresh, layout.database)
        atomic.write_atomic(layout.format, FORMAT.encode())
    return aside / "store.sqlite"


def _rows(old: Path, sql: str, parameters: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The rows of a damaged database, up to the first that can't be read."""
    if not old.exists():
        return
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(old)) as connection:
        connection.text_factory = bytes
        yield from connection.execute(sql, parameters)


def _salvage_packed(store: DiskStore, old: Path) -> int:
    highest = next(_rows(old, "SELECT max(id) FROM packed"), (None,))[0]
    if not isinstance(highest, int):
        return 0
    saved = position = 0
    while position < highest:
        before = position
        for number, data in _rows(old, "SELECT id, data FROM packed WHERE id > ? ORDER BY id", (position,)):
            if isinstance(number, int) and isinstance(data, bytes):
                position = number
                saved += _put_both(store, data)
        position += 1 if position == before else 0  # a row that can't be read: go on behind it
    return saved


def _put_both(store: DiskStore, data: bytes) -> int:
    """Packed bytes are either a blob or a blob's zstd frame: whatever is put is named by its own digest."""
    store.bytes.put_bytes(data)
    if data.startswith(_ZSTD_MAGIC):
        with contextlib.suppress(codec.Damaged, zstandard.ZstdError):
            size = zstandard.frame_content_size(data)
            if 0 <= size <= PACKED_LIMIT:
                store.bytes.put_bytes(codec.restore(data, size))
    return 1


def _salvage_rows(store: DiskStore, old: Path) -> int:
    saved = 0
    with store.database.transaction() as connection:
        for key, size, data, check in _rows(old, "SELECT key, size, result, checksum FROM actions"):
            if isinstance(key, bytes) and isinstance(data, bytes) and isinstance(check, bytes) and result_of(key, data, check) is not None:
                row = (key, size, data, check, store.bytes.uses.now())
                saved += connection.execute("INSERT OR IGNORE INTO actions VALUES (?, ?, ?, ?, ?)", row).rowcount
        for table, column, target in (("recipes", "recipe", "key"), ("sha256", "sha256", "hash")):
            for found in _rows(old, f"SELECT {column}, {target}, size, checksum FROM {table}"):  # noqa: S608 - names of this function
                raw, key, size, check = found
                if isinstance(raw, bytes) and isinstance(key, bytes) and checksum(raw, key, str(size).encode()) == check:
                    saved += connection.execute(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?)", found).rowcount  # noqa: S608 - as above
    return saved


def _files(store: DiskStore) -> int:
    saved = 0
    for file in files_below(store.layout.root / "blobs"):
        compressed = file.path.name.endswith(".zst")
        digest = _content(file.path, compressed=compressed)
        if digest is None or digest.hash != file.path.name.removesuffix(".zst"):
            file.path.unlink(missing_ok=True)
            continue
        kind, stored = FILE_ZSTD if compressed else FILE_RAW, file.path.stat().st_size
        row = (bytes.fromhex(digest.hash), digest.size, kind, stored, store.bytes.uses.now())
        with store.database.transaction() as connection:
            saved += connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?, ?, ?, NULL)", row).rowcount
    return saved


def _content(path: Path, *, compressed: bool) -> Digest | None:
    """The digest of what a file holds, or None for a damaged frame."""
    with path.open("rb") as file:
        if not compressed:
            return Digest.of_file(path)
        try:
            with zstandard.ZstdDecompressor().stream_reader(file) as reader:
                return Digest.of_chunks(iter(lambda: reader.read(codec.CHUNK), b""))
        except zstandard.ZstdError:
            return None


def _trees(store: DiskStore) -> int:
    saved = 0
    for path in list(store.layout.trees.iterdir()):
        digest = digest_of(path)
        if digest is None or digest.hash != path.name:
            leases.remove_directory(path)
            continue
        # Its files are blobs too: those that were packed and lost come back.
        store.blobs.put_tree(path)
        with store.database.transaction() as connection:
            row = (bytes.fromhex(digest.hash), digest.size, store.bytes.uses.now(), boot_id())
            saved += connection.execute("INSERT OR REPLACE INTO trees VALUES (?, ?, ?, ?)", row).rowcount
    return saved
