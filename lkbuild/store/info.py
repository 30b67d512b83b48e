"""What takes the space in a store, by kind, and what some results take of it. Knows no targets. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.store.actions import outputs_of
from lkbuild.store.blobs import FILE_RAW, FILE_ZSTD, ROWS
from lkbuild.store.disk import DiskStore
from lkbuild.store.inventory import FileOnDisk, take_inventory


@dataclass(frozen=True, slots=True)
class KindSize:
    """How many things of a kind, and the bytes that they take on disk; an inode shared with an earlier kind counts there."""

    kind: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """A store in numbers.

    Attributes:
        root: its folder.
        kinds: in the order in which shared inodes are counted.
        content_bytes: uncompressed size of all blobs.
        actions: results of actions.
        recipes: recipe keys.
        database_bytes: the database file, packed blobs included.
    """

    root: str
    kinds: tuple[KindSize, ...]
    content_bytes: int
    actions: int
    recipes: int
    database_bytes: int

    @property
    def total_bytes(self) -> int:
        """What the store takes on disk: the database and every file once."""
        return self.database_bytes + sum(kind.bytes for kind in self.kinds if kind.kind != "packed blobs")


def info(store: DiskStore) -> StoreInfo:
    """Look at everything and add it up."""
    found = take_inventory(store)
    seen: set[int] = set()

    def kind(name: str, count: int, files: list[FileOnDisk]) -> KindSize:
        size = 0
        for file in files:
            if file.inode not in seen:
                seen.add(file.inode)
                size += file.bytes
        return KindSize(name, count, size)

    packed = [blob for blob in found.blobs.values() if blob.kind in ROWS]
    raw = [file for name, file in found.blob_files.items() if not name.endswith(".zst")]
    compressed = [file for name, file in found.blob_files.items() if name.endswith(".zst")]
    kinds = (
        KindSize("packed blobs", len(packed), sum(blob.stored for blob in packed)),
        kind("compressed files", sum(blob.kind == FILE_ZSTD for blob in found.blobs.values()), compressed),
        kind("raw files", sum(blob.kind == FILE_RAW for blob in found.blobs.values()), raw),
        kind("trees", len(found.trees), [file for tree in found.trees.values() for file in tree.files]),
        kind("expanded files", sum(map(len, found.expanded.values())), [file for several in found.expanded.values() for file in several]),
    )
    return StoreInfo(
        root=str(store.layout.root),
        kinds=kinds,
        content_bytes=sum(blob.digest.size for blob in found.blobs.values()),
        actions=len(found.actions),
        recipes=store.database.rows("SELECT count(*) FROM recipes")[0][0],
        database_bytes=store.layout.database.stat().st_size,
    )


def stored_bytes(store: DiskStore, recipes: Iterable[str]) -> int:
    """What the outputs and logs of some recipes' results take, each blob once; trees down to their last file."""
    with store.bytes.uses.unnoted():
        results = store.actions.get_recipes(Digest(recipe, 0) for recipe in recipes)
        named: set[Digest] = set()
        for cached in results.values():
            named |= outputs_of(cached.result)
            for tree in cached.result.trees:
                named |= store.trees.closure(tree.root)
        named |= {part for digest in named for part in store.bytes.parts_of(digest)}
        sizes = store.database.rows_in("SELECT stored FROM blobs WHERE hash IN (?)", [bytes.fromhex(digest.hash) for digest in named])
        return sum(stored for (stored,) in sizes)
