"""What a store holds: every blob, tree and expanded file, when it was last used, and which inodes it takes. Reads only.

A blob's last use is the latest of its own and of everything that leads to it: results that name it, trees that hold it. So what is
unused for longest can go without breaking anything that was used later.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import BlobMissing
from lkbuild.store.actions import outputs_of, result_of
from lkbuild.store.blobs import FILE_RAW, FILE_ZSTD, PARTS, ROWS
from lkbuild.store.disk import DiskStore

#: A packed blob's row and index take about this much beside its bytes.
ROW_BYTES = 100


@dataclass(slots=True)
class Blob:
    """A blob's row."""

    digest: Digest
    kind: int
    stored: int
    used: int
    last_use: int


@dataclass(slots=True)
class FileOnDisk:
    """A file, with the inode that hard links share."""

    path: Path
    inode: int
    links: int
    bytes: int


@dataclass(slots=True)
class Tree:
    """A materialised tree: its row's last use (None: it has no row), and its files."""

    path: Path
    used: int | None
    last_use: int
    files: list[FileOnDisk]


@dataclass(slots=True)
class Inventory:
    """All of a store at one time.

    Attributes:
        marks: the counter of noted uses: if it has changed, so may last uses.
        blobs: by hash.
        blob_files: files below blobs/ by name.
        expanded: files below expanded/ by hash.
        trees: by hash.
        actions: key, last use, result (None: damaged).
    """

    marks: int
    blobs: dict[str, Blob] = field(default_factory=dict)
    blob_files: dict[str, FileOnDisk] = field(default_factory=dict)
    expanded: dict[str, list[FileOnDisk]] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    actions: list[tuple[bytes, int, ActionResult | None]] = field(default_factory=list)

    def bytes_on_disk(self) -> int:
        """All of it, each inode once."""
        inodes = {file.inode: file.bytes for file in self.files()}
        packed = sum(blob.stored + ROW_BYTES for blob in self.blobs.values() if blob.kind in ROWS)
        return packed + sum(inodes.values())

    def files(self) -> Iterator[FileOnDisk]:
        """Every file; those that share an inode each."""
        yield from self.blob_files.values()
        for several in self.expanded.values():
            yield from several
        for tree in self.trees.values():
            yield from tree.files


def take_inventory(store: DiskStore) -> Inventory:
    """Look at everything. Some seconds for hundreds of thousands of files."""
    # On a full disk what is queued waits until the collector has made room.
    with contextlib.suppress(StoreError):
        store.flush()
    found = Inventory(store.database.rows("SELECT value FROM meta WHERE name = 'marks'")[0][0])
    for raw, size, kind, stored, used in store.database.rows("SELECT hash, size, kind, stored, used FROM blobs"):
        found.blobs[raw.hex()] = Blob(Digest(raw.hex(), size), kind, stored, used, used)
    for raw, data, check, used in store.database.rows("SELECT key, result, checksum, used FROM actions"):
        found.actions.append((raw, used, result_of(raw, data, check)))
    tree_rows = {
        raw.hex(): (Digest(raw.hex(), size), used) for raw, size, used in store.database.rows("SELECT hash, size, used FROM trees")
    }
    _files(store, found, {name: used for name, (_, used) in tree_rows.items()})
    _spread(store, found, tree_rows.values())
    # What a list names is used as lately as the list, which a collector takes first.
    for blob in [blob for blob in found.blobs.values() if blob.kind == PARTS]:
        for part in store.bytes.parts_of(blob.digest):
            _raise(found, part, blob.last_use)
    return found


def _files(store: DiskStore, found: Inventory, tree_uses: dict[str, int]) -> None:
    root = store.layout.root
    found.blob_files = {file.path.name: file for file in files_below(root / "blobs")}
    for file in files_below(root / "expanded"):
        found.expanded.setdefault(file.path.name.removesuffix(".x"), []).append(file)
    for entry in os.scandir(store.layout.trees):
        used = tree_uses.get(entry.name)
        found.trees[entry.name] = Tree(Path(entry.path), used, used or 0, list(files_below(Path(entry.path))))


def files_below(folder: Path) -> Iterator[FileOnDisk]:
    """Every regular file; what vanishes meanwhile is left out."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            yield FileOnDisk(path, status.st_ino, status.st_nlink, status.st_blocks * 512)


def _spread(store: DiskStore, found: Inventory, tree_rows: Iterable[tuple[Digest, int]]) -> None:
    """Carry last uses from results and trees to what they are made of, latest first, so that each directory is read once."""
    roots: dict[Digest, int] = {}
    for root, used in tree_rows:
        roots[root] = max(used, roots.get(root, 0))
    for _, used, result in found.actions:
        if result is None:
            continue
        for digest in outputs_of(result):
            _raise(found, digest, used)
        for tree in result.trees:
            roots[tree.root] = max(used, roots.get(tree.root, 0))
    seen: set[Digest] = set()
    for root, used in sorted(roots.items(), key=lambda item: -item[1]):
        if root.hash in found.trees:
            found.trees[root.hash].last_use = max(found.trees[root.hash].last_use, used)
        _spread_tree(store, found, root, used, seen)


def _spread_tree(store: DiskStore, found: Inventory, root: Digest, used: int, seen: set[Digest]) -> None:
    todo = [root]
    while todo:
        digest = todo.pop()
        if digest in seen:
            continue
        seen.add(digest)
        _raise(found, digest, used)
        if digest.hash not in found.blobs:
            continue
        try:
            directory = store.trees.directory(digest)
        except BlobMissing:
            continue
        for file in directory.files:
            _raise(found, file.digest, used)
        todo.extend(node.digest for node in directory.directories)


def _raise(found: Inventory, digest: Digest, used: int) -> None:
    blob = found.blobs.get(digest.hash)
    if blob is not None and blob.last_use < used:
        blob.last_use = used


def has_file(blob: Blob) -> bool:
    """Whether a blob is a file of its own."""
    return blob.kind in (FILE_RAW, FILE_ZSTD)


def file_name(blob: Blob) -> str:
    """The name of a blob's file below blobs/ab/."""
    return blob.digest.hash + (".zst" if blob.kind == FILE_ZSTD else "")
