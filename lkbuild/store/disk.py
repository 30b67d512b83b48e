"""The store on disk: what the rest of lkbuild opens. See docs/format/store.md for the format.

`DiskStore.open(folder)` makes the folder where there is none, and takes a lease so that no collector takes what this process
uses. Where the folder can't be written to, what is in it is served. The ports are its parts: `store.blobs` (BlobStore,
TreeReader) and `store.actions` (ActionCache).
"""

from __future__ import annotations

import atexit
import contextlib
import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, Self

from lkbuild.base import atomic
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.ports import BlobWriter
from lkbuild.store import database as tables
from lkbuild.store import leases, reserve
from lkbuild.store.actions import Actions
from lkbuild.store.blobs import Blobs
from lkbuild.store.database import Database
from lkbuild.store.digests import DigestPairs
from lkbuild.store.failures import REPAIR_HINT, StoreDamaged, StoreReadOnly, translated
from lkbuild.store.layout import CACHEDIR_TAG, FOLDERS, FORMAT, Layout
from lkbuild.store.trees import Trees
from lkbuild.store.writer import GroupWriter

#: Folders that other parts of lkbuild keep beside the store, and may make before it.
_NEIGHBOURS: Final = ("baselines", "log", "partial", "snapshots", "workspaces")


class DiskStore:
    """One opened store. Safe to use from many threads; many processes may have it open.

    Attributes:
        layout: its paths.
        database: its rows, for collecting and verifying.
        lease: this process's claim; None where the store is read-only.
        blobs: bytes and trees.
        actions: results of actions.
    """

    def __init__(self, layout: Layout, database: Database, lease: leases.Lease | None) -> None:
        self.layout, self.database, self.lease = layout, database, lease
        self._writer = GroupWriter(database, layout.files_lock) if database.writable else None
        self.bytes = Blobs(layout, database, self._writer, lease)
        self.trees = Trees(self.bytes)
        self.blobs = DiskBlobs(self.bytes, self.trees)
        self.actions = Actions(self.bytes, self.trees)
        self._closed = False
        atexit.register(self._close_quietly)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open the store in a folder, making it where there is none.

        Raises:
            StoreError: it has another format, is damaged (StoreDamaged), or can be neither made nor read.
        """
        layout = Layout(root.absolute())
        with translated(layout.root):
            _ensure(layout)
            lease = _take_lease(layout)
        try:
            return cls(layout, Database(layout, writable=lease is not None), lease)
        except StoreReadOnly:
            _release(lease)
            return cls(layout, Database(layout, writable=False), None)
        except BaseException:
            _release(lease)
            raise

    @property
    def writable(self) -> bool:
        """Whether this process may put into it."""
        return self.database.writable

    @property
    def scratch(self) -> Path:
        """The folder for this process's unfinished work. It goes with the lease: whoever opens the store removes what the dead left."""
        return self.layout.tmp if self.lease is None else self.lease.tmp

    def flush(self) -> None:
        """Return when everything put so far is committed. Raises StoreError where that is impossible."""
        if self._writer is not None:
            self._writer.flush()

    def held(self) -> AbstractContextManager[None]:
        """While the block runs nothing that is queued in this process is committed. Don't put or flush in it."""
        return contextlib.nullcontext() if self._writer is None else self._writer.held()

    def close(self) -> None:
        """Commit, give the lease up, close. Raises StoreError where the last puts can't be committed; then they are lost."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._close_quietly)
        self.bytes.foresight.stop()
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self.database.close()
            _release(self.lease)

    def _close_quietly(self) -> None:
        with contextlib.suppress(StoreError):
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class DiskBlobs:
    """BlobStore and TreeReader of an opened store; the contracts are in lkbuild.model.ports."""

    def __init__(self, blobs: Blobs, trees: Trees) -> None:
        self._bytes, self._trees, self._pairs = blobs, trees, DigestPairs(blobs)

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are there."""
        return self._bytes.has(digest)

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those whose bytes are not there."""
        return self._bytes.missing(digests)

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes."""
        return self._bytes.put_bytes(data)

    def put_file(self, path: Path, *, move: bool = False) -> Digest:
        """Store a file's content."""
        return self._bytes.put_file(path, move=move)

    def put_stream(self) -> AbstractContextManager[BlobWriter]:
        """Store a stream."""
        return self._bytes.put_stream()

    def put_parts(self, digests: Sequence[Digest]) -> Digest:
        """Store stored blobs one after the other."""
        return self._bytes.put_parts(digests)

    def expect_parts(self, digests: Sequence[Digest]) -> None:
        """They are read meanwhile."""
        self._bytes.expect_parts(digests)

    def parts(self, digest: Digest) -> Sequence[Digest]:
        """What bytes are one after the other."""
        return self._bytes.parts_of(digest) or (digest,)

    def get_bytes(self, digest: Digest) -> bytes:
        """The bytes, verified."""
        return self._bytes.get_bytes(digest)

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream; BlobMissing at its end, at the latest, where they are damaged."""
        return self._bytes.open(digest)

    def path_of(self, digest: Digest, *, executable: bool = False) -> Path:
        """A read-only file with the bytes."""
        return self._bytes.path_of(digest, executable=executable)

    def put_tree(self, path: Path, *, move: bool = False) -> Digest:
        """Store a directory."""
        return self._trees.put_tree(path, move=move)

    def tree_path(self, root: Digest) -> Path:
        """A read-only directory with a tree's content."""
        return self._trees.tree_path(root)

    def walk(self, root: Digest) -> Iterator[tuple[str, Digest, bool]]:
        """(path, digest, executable) of the files of a tree."""
        return self._trees.walk(root)

    def find_sha256(self, sha256: str) -> Digest | None:
        """Stored bytes by SHA-256."""
        return self._pairs.find(sha256)

    def record_sha256(self, sha256: str, digest: Digest) -> None:
        """Remember a pair of digests."""
        self._pairs.record(sha256, digest)

    def sha256_of(self, digest: Digest) -> str | None:
        """The recorded SHA-256 of a digest."""
        return self._pairs.of(digest)


def _ensure(layout: Layout) -> None:
    """Make what is not there. FORMAT is written last: a store that has it is whole."""
    text = _format_of(layout)
    if not text:
        _make_root(layout.root)
        with leases.locked(layout.open_lock, exclusive=True):
            text = _format_of(layout)
            if not text:
                _create(layout)
                return
    if text != FORMAT:
        raise StoreError(
            f"the store at {layout.root} has format '{text.strip()}', this lkbuild reads '{FORMAT.strip()}'",
            hint="pass another folder with --cache, or delete this one",
        )
    if not layout.database.exists():
        raise StoreDamaged(f"the store at {layout.root} has lost its database", hint=REPAIR_HINT)


def _make_root(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        hint = "pass a folder, or the name of a new one, with --cache or LKBUILD_CACHE"
        raise StoreError(f"can't make a store at {root}: {error.strerror}", hint=hint) from error


def _create(layout: Layout) -> None:
    known = (*FOLDERS, *_NEIGHBOURS, "open.lock", "CACHEDIR.TAG", "files.lock", "reserve")
    strangers = [path.name for path in layout.root.iterdir() if path.name not in known]
    if any(not name.startswith(("store.sqlite", ".tmp-", "FORMAT")) for name in strangers):
        raise StoreError(f"{layout.root} is neither empty nor a store", hint="pass an empty or new folder with --cache")
    for name in FOLDERS:
        (layout.root / name).mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        layout.database.with_name(layout.database.name + suffix).unlink(missing_ok=True)
    tables.create(layout.database)
    atomic.write_atomic(layout.root / "CACHEDIR.TAG", CACHEDIR_TAG.encode())
    atomic.write_atomic(layout.format, FORMAT.encode())


def _format_of(layout: Layout) -> str | None:
    try:
        return layout.format.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _take_lease(layout: Layout) -> leases.Lease | None:
    """A lease, or None where the store can only be read."""
    try:
        for name in FOLDERS:
            (layout.root / name).mkdir(exist_ok=True)
        with leases.locked(layout.open_lock, exclusive=False):
            lease = leases.Lease(layout)
            leases.clean(layout)
            reserve.keep(layout.reserve)
            return lease
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return None
        raise


def _release(lease: leases.Lease | None) -> None:
    if lease is not None:
        with contextlib.suppress(OSError):
            lease.release()
