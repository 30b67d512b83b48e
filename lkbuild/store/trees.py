"""Trees on disk: stored as Directory messages and blobs, and materialised once as read-only directories.

A materialised tree appears by one rename, so its presence is its promise; one made before the last reboot is looked at again,
since a rename may outlive the bytes of its files when the power fails. Knows no actions.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from lkbuild.base import atomic, wire
from lkbuild.base.boots import boot_id
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.ports import BlobMissing
from lkbuild.model.tree import Directory
from lkbuild.store import codec
from lkbuild.store.blobs import Blobs
from lkbuild.store.failures import translated
from lkbuild.store.layout import EXECUTABLE_MODE, FILE_MODE, MTIME, PACKED_LIMIT
from lkbuild.store.leases import locked, remove_directory
from lkbuild.store.scan import FoundFile, scan


class Trees:
    """The trees of one opened store."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    # --- putting ----------------------------------------------------------------------------------------------------------

    def put_tree(self, path: Path, *, move: bool = False) -> Digest:
        """Store a directory; with `move` it may become the materialised tree."""

        def store(files: Sequence[FoundFile]) -> list[Digest]:
            return self._store_files(files, move=move)

        root = None
        try:
            for digest, message in scan(path, store):
                root = digest
                if not self._blobs.has(digest):
                    self._put_message(digest, message)
        except OSError as error:
            raise StoreError(f"can't store the directory {path}: {error}") from error
        if root is None:
            msg = "a scan ends with its root"
            raise AssertionError(msg)
        if move and not self._blobs.layout.tree(root).exists():
            self._move(path, root)
        return root

    def _put_message(self, digest: Digest, message: bytes) -> None:
        if len(message) > PACKED_LIMIT:
            self._blobs.put_bytes(message)
        else:
            self._blobs.pack(digest, message)

    def _store_files(self, files: Sequence[FoundFile], *, move: bool) -> list[Digest]:
        digests: list[Digest] = []
        small: dict[Digest, bytes] = {}
        size = 0
        for file in files:
            if file.size > PACKED_LIMIT:
                digests.append(self._store_large(file, move=move))
                continue
            with open(file.path, "rb", buffering=0) as opened:  # noqa: PTH123 - hot: tens of thousands of small files
                data = opened.readall()
            if len(data) > PACKED_LIMIT:  # it grew since it was listed
                digests.append(self._blobs.put_bytes(data))
                continue
            digest = Digest.of(data)
            digests.append(digest)
            small[digest] = data
            size += len(data)
            if size > 8 << 20:
                self._pack(small)
                small, size = {}, 0
        self._pack(small)
        return digests

    def _pack(self, small: dict[Digest, bytes]) -> None:
        for digest in self._blobs.missing(small):
            self._blobs.pack(digest, small[digest])

    def _store_large(self, file: FoundFile, *, move: bool) -> Digest:
        path = Path(file.path)
        if not move:
            return self._blobs.put_file(path)
        # The file stays in the tree and is the blob at the same time: a hard link costs neither time nor space.
        digest = Digest.of_file(path)
        if not self._blobs.has(digest) and not self._blobs.adopt(path, digest, link=True):
            return self._blobs.put_file(path)
        return digest

    def _move(self, path: Path, root: Digest) -> None:
        for folder, _, files in os.walk(path):
            for name in files:
                file = os.path.join(folder, name)  # noqa: PTH118 - hot
                status = os.lstat(file)
                if status.st_mode & 0o170000 == 0o100000:
                    os.chmod(file, EXECUTABLE_MODE if status.st_mode & 0o100 else FILE_MODE)  # noqa: PTH101 - hot
                os.utime(file, (MTIME, MTIME), follow_symlinks=False)
        # Elsewhere on another file system it can't be renamed: it is materialised from its blobs when it is asked for.
        with contextlib.suppress(OSError):
            temporary = self._blobs.temporary()
            path.rename(temporary)
            self._publish(temporary, root)

    # --- getting ----------------------------------------------------------------------------------------------------------

    def tree_path(self, root: Digest) -> Path:
        """A read-only directory with the tree's content."""
        path, key = self._blobs.layout.tree(root), bytes.fromhex(root.hash)
        row = self._blobs.database.row("SELECT used, boot FROM trees WHERE hash = ?", (key,))
        if row is not None and path.is_dir():
            used, boot = row
            vanished = self._blobs.uses.stale(used) and self._blobs.uses.mark("trees", "hash", (key,))
            if not vanished and (boot == boot_id() or self._still_whole(root, path)):
                return path
        self._materialise(root)
        return path

    def _still_whole(self, root: Digest, path: Path) -> bool:
        if not self._blobs.database.writable:
            return True
        if digest_of(path) != root:
            self._remove(root)
            return False
        self._record(root)
        return True

    def _materialise(self, root: Digest) -> None:
        temporary = self._blobs.temporary()
        try:
            with translated(self._blobs.layout.root):
                self._build(root, temporary)
                self._publish(temporary, root)
        finally:
            remove_directory(temporary)

    def _build(self, root: Digest, top: Path) -> None:
        todo = [(root, os.fspath(top))]
        made = []
        for digest, folder in todo:
            os.mkdir(folder, 0o755)  # noqa: PTH102 - hot
            made.append(folder)
            directory = self.directory(digest)
            todo.extend((node.digest, f"{folder}/{node.name}") for node in directory.directories)
            for file in directory.files:
                self._place(file.digest, f"{folder}/{file.name}", executable=file.executable)
            for link in directory.symlinks:
                os.symlink(link.target, f"{folder}/{link.name}")  # noqa: PTH211 - hot
                os.utime(f"{folder}/{link.name}", (MTIME, MTIME), follow_symlinks=False)

    def _place(self, digest: Digest, path: str, *, executable: bool) -> None:
        if digest.size > PACKED_LIMIT:
            source = self._blobs.path_of(digest, executable=executable)
            try:
                os.link(source, path)
            except OSError:  # too many links to one file, or none here
                pass
            else:
                return
        with open(path, "xb") as out:  # noqa: PTH123 - hot
            if digest.size <= PACKED_LIMIT:
                out.write(self._blobs.get_bytes(digest))
            else:
                with self._blobs.open(digest) as stream:
                    shutil.copyfileobj(stream, out, codec.CHUNK)
            out.flush()
            os.fchmod(out.fileno(), EXECUTABLE_MODE if executable else FILE_MODE)
            os.utime(out.fileno(), (MTIME, MTIME))

    def _publish(self, temporary: Path, root: Digest) -> None:
        for folder, folders, _ in os.walk(temporary):
            for name in folders:
                path = os.path.join(folder, name)  # noqa: PTH118 - hot
                if not os.path.islink(path):  # noqa: PTH114 - hot
                    os.chmod(path, EXECUTABLE_MODE)  # noqa: PTH101 - hot
                    os.utime(path, (MTIME, MTIME))
        target = self._blobs.layout.tree(root)
        with locked(self._blobs.layout.files_lock, exclusive=False):
            # A directory that can't be written to can't be moved to another parent either: its own mode comes last.
            temporary.chmod(0o755)
            if atomic.publish_directory(temporary, target):
                os.utime(target, (MTIME, MTIME))
                target.chmod(EXECUTABLE_MODE)
            self._record(root)
        remove_directory(temporary)

    def _record(self, root: Digest) -> None:
        row = (bytes.fromhex(root.hash), root.size, self._blobs.uses.now(), boot_id())
        with self._blobs.database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO trees VALUES (?, ?, ?, ?)", row)

    def _remove(self, root: Digest) -> None:
        remove_tree(self._blobs, root)

    # --- reading ----------------------------------------------------------------------------------------------------------

    def directory(self, digest: Digest) -> Directory:
        """One directory's message. Raises BlobMissing where it is not there or is no message."""
        data = self._blobs.get_bytes(digest)
        try:
            return Directory.decode(data)
        except (ValueError, KeyError, wire.WireError) as error:
            raise BlobMissing(digest) from error

    def walk(self, root: Digest) -> Iterator[tuple[str, Digest, bool]]:
        """(path, digest, executable) of every file, without materialising the tree."""
        todo = [("", root)]
        while todo:
            prefix, digest = todo.pop()
            directory = self.directory(digest)
            for file in directory.files:
                yield prefix + file.name, file.digest, file.executable
            todo.extend((f"{prefix}{node.name}/", node.digest) for node in directory.directories)

    def closure(self, root: Digest) -> set[Digest]:
        """The digests of all directories and files of a tree. Raises BlobMissing where a directory is not there."""
        seen = {root}
        todo = [root]
        while todo:
            directory = self.directory(todo.pop())
            seen.update(file.digest for file in directory.files)
            below = {node.digest for node in directory.directories} - seen
            seen |= below
            todo.extend(below)
        return seen

    def is_complete(self, root: Digest) -> bool:
        """Whether everything of a tree is there. The answer is remembered until something is removed from the store."""
        key = bytes.fromhex(root.hash)
        known = self._blobs.database.row(
            "SELECT complete.removals = meta.value FROM complete, meta WHERE complete.hash = ? AND meta.name = 'removals'", (key,)
        )
        if known is not None and known[0]:
            return self._blobs.has(root)
        if not self._blobs.has(root):
            return False
        removals = self._blobs.database.row("SELECT value FROM meta WHERE name = 'removals'")
        try:
            whole = not self._blobs.missing(self.closure(root))
        except BlobMissing:
            return False
        if whole and removals is not None and self._blobs.database.writable:
            self._remember(key, removals[0])
        return whole

    def _remember(self, key: bytes, removals: int) -> None:
        self._blobs.writer.flush()

        def apply(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO complete VALUES (?, ?)", (key, removals))

        with self._blobs.database.transaction() as connection:
            apply(connection)


def remove_tree(blobs: Blobs, root: Digest) -> None:
    """Take a materialised tree away; its blobs stay."""
    doomed = blobs.temporary()
    with translated(blobs.layout.root):
        with locked(blobs.layout.files_lock, exclusive=True):
            with blobs.database.transaction() as connection:
                connection.execute("DELETE FROM trees WHERE hash = ?", (bytes.fromhex(root.hash),))
            path = blobs.layout.tree(root)
            with contextlib.suppress(FileNotFoundError):
                path.chmod(0o755)
                path.rename(doomed)
        remove_directory(doomed)


def digest_of(path: Path) -> Digest | None:
    """The root digest of a directory as it lies there, or None for what is no tree. Reads every file, stores nothing."""
    root = None
    try:
        for digest, _ in scan(path, lambda files: [Digest.of_file(file.path) for file in files]):
            root = digest
    except Exception:  # noqa: BLE001 - whatever hinders it, it is not the tree
        return None
    return root
