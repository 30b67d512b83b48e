"""A store in memory, with the contracts of the one on disk: for tests, and where nothing may be kept. One process, one lock.

Files and trees that are asked for by path are written into a folder that the caller gives and removes.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from lkbuild.base.checkpoint import checkpoint
from lkbuild.base.digest import Digest
from lkbuild.base.errors import StoreError
from lkbuild.model.action import ActionResult
from lkbuild.model.ports import BlobMissing, CachedResult
from lkbuild.model.results import decode_result, encode_result
from lkbuild.model.tree import Directory
from lkbuild.store.layout import EXECUTABLE_MODE, FILE_MODE, MTIME
from lkbuild.store.scan import scan


class MemoryStore:
    """Its parts are the ports: `blobs` (BlobStore, TreeReader) and `actions` (ActionCache)."""

    def __init__(self, folder: Path) -> None:
        self.blobs = MemoryBlobs(folder)
        self.actions = MemoryActions(self.blobs)


class MemoryBlobs:
    """BlobStore and TreeReader; the contracts are in lkbuild.model.ports."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data: dict[Digest, bytes] = {}
        self._sha256: dict[str, Digest] = {}
        self._lock = threading.RLock()

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are there."""
        return digest in self._data

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those whose bytes are not there."""
        return {digest for digest in digests if digest not in self._data}

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes."""
        digest = Digest.of(data)
        self._data.setdefault(digest, bytes(data))
        return digest

    def put_file(self, path: Path, *, move: bool = False) -> Digest:  # noqa: ARG002 - the port's name; nothing is gained by it here
        """Store a file's content."""
        try:
            return self.put_bytes(path.read_bytes())
        except OSError as error:
            raise StoreError(f"can't read {path}: {error.strerror}", hint="check that it exists and who may read it") from error

    @contextlib.contextmanager
    def put_stream(self) -> Iterator[_MemoryWriter]:
        """Store a stream."""
        writer = _MemoryWriter()
        yield writer
        writer.finished = self.put_bytes(writer.buffer.getvalue())

    def put_parts(self, digests: Sequence[Digest]) -> Digest:
        """Store stored blobs one after the other."""
        return self.put_bytes(b"".join(map(self.get_bytes, digests)))

    def expect_parts(self, digests: Sequence[Digest]) -> None:
        """They are in memory already."""

    def parts(self, digest: Digest) -> Sequence[Digest]:
        """They are kept as they are."""
        return (digest,)

    def get_bytes(self, digest: Digest) -> bytes:
        """The bytes."""
        try:
            return self._data[digest]
        except KeyError:
            raise BlobMissing(digest) from None

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream."""
        return io.BytesIO(self.get_bytes(digest))

    def forget(self, digest: Digest) -> None:
        """Lose a blob, as a collector would."""
        self._data.pop(digest, None)

    def path_of(self, digest: Digest, *, executable: bool = False) -> Path:
        """A read-only file with the bytes."""
        data = self.get_bytes(digest)
        path = self._folder / "expanded" / (digest.hash + (".x" if executable else ""))
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, data, executable=executable)
        return path

    def put_tree(self, path: Path, *, move: bool = False) -> Digest:  # noqa: ARG002 - as put_file
        """Store a directory."""
        root = None
        try:
            for digest, message in scan(path, lambda files: [self.put_file(Path(file.path)) for file in files]):
                root = digest
                self.put_bytes(message)
        except OSError as error:
            raise StoreError(f"can't store the directory {path}: {error}") from error
        if root is None:
            msg = "a scan ends with its root"
            raise AssertionError(msg)
        return root

    def tree_path(self, root: Digest) -> Path:
        """A read-only directory with a tree's content."""
        path = self._folder / "trees" / root.hash
        with self._lock:
            if not path.exists():
                messages = {name: (digest, executable) for name, digest, executable in self.walk(root)}
                if gone := self.missing(digest for digest, _ in messages.values()):
                    raise BlobMissing(min(gone))
                self._build(root, path)
        return path

    def _build(self, digest: Digest, path: Path) -> None:
        directory = self._directory(digest)
        path.mkdir(parents=True)
        for node in directory.directories:
            self._build(node.digest, path / node.name)
        for file in directory.files:
            _write(path / file.name, self.get_bytes(file.digest), executable=file.executable)
        for link in directory.symlinks:
            (path / link.name).symlink_to(link.target)
        path.chmod(EXECUTABLE_MODE)

    def _directory(self, digest: Digest) -> Directory:
        return Directory.decode(self.get_bytes(digest))

    def walk(self, root: Digest) -> Iterator[tuple[str, Digest, bool]]:
        """(path, digest, executable) of the files of a tree."""
        todo = [("", root)]
        while todo:
            prefix, digest = todo.pop()
            directory = self._directory(digest)
            for file in directory.files:
                yield prefix + file.name, file.digest, file.executable
            todo.extend((f"{prefix}{node.name}/", node.digest) for node in directory.directories)

    def is_whole(self, root: Digest) -> bool:
        """Whether everything of a tree is there."""
        try:
            return not self.missing(digest for _, digest, _ in self.walk(root))
        except BlobMissing:
            return False

    def find_sha256(self, sha256: str) -> Digest | None:
        """Stored bytes by SHA-256."""
        digest = self._sha256.get(sha256)
        return digest if digest is not None and self.has(digest) else None

    def record_sha256(self, sha256: str, digest: Digest) -> None:
        """Remember a pair of digests."""
        self._sha256[sha256] = digest

    def sha256_of(self, digest: Digest) -> str | None:
        """The recorded SHA-256 of a digest."""
        return next((sha256 for sha256, known in list(self._sha256.items()) if known == digest), None)


class _MemoryWriter:
    """Takes a stream."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()
        self.finished: Digest | None = None

    def write(self, data: bytes) -> int:
        """Append bytes."""
        return self.buffer.write(data)

    @property
    def digest(self) -> Digest:
        """What was stored."""
        if self.finished is None:
            msg = "the stream has not ended"
            raise RuntimeError(msg)
        return self.finished


class MemoryActions:
    """ActionCache; the contract is in lkbuild.model.ports."""

    def __init__(self, blobs: MemoryBlobs) -> None:
        self._blobs = blobs
        self._results: dict[Digest, ActionResult] = {}
        self._recipes: dict[Digest, Digest] = {}
        self._seconds: dict[str, float] = {}
        self._claims: set[Digest] = set()
        self._lock = threading.Lock()
        self._released = threading.Condition(self._lock)

    def get(self, key: Digest) -> ActionResult | None:
        """The result, or None where there is none or an output is gone."""
        result = self._results.get(key)
        if result is None:
            return None
        named = {file.digest for file in result.files} | ({result.log} if result.log else set())
        whole = not self._blobs.missing(named) and all(self._blobs.is_whole(tree.root) for tree in result.trees)
        return result if whole else None

    def put(self, key: Digest, result: ActionResult) -> None:
        """Record a result; the first writer wins."""
        with self._lock:
            if self.get(key) is None:
                self._results[key] = decode_result(encode_result(result))

    @contextlib.contextmanager
    def claim(self, key: Digest, cancelled: Callable[[], bool]) -> Iterator[bool]:
        """The right to run an action; whoever comes second waits."""
        waited = False
        check = checkpoint(cancelled)
        with self._released:
            while key in self._claims:
                waited = True
                check()
                self._released.wait(0.1)
            self._claims.add(key)
        try:
            yield waited
        finally:
            with self._released:
                self._claims.discard(key)
                self._released.notify_all()

    def get_recipes(self, recipes: Iterable[Digest]) -> dict[Digest, CachedResult]:
        """Results by recipe key."""
        found = {}
        for recipe in recipes:
            key = self._recipes.get(recipe)
            result = None if key is None else self.get(key)
            if key is not None and result is not None:
                found[recipe] = CachedResult(key, result)
        return found

    def put_recipe(self, recipe: Digest, key: Digest) -> None:
        """Record which action key a recipe key came to."""
        self._recipes[recipe] = key

    def seconds(self, names: Iterable[str]) -> dict[str, float]:
        """How long the last runs took."""
        return {name: self._seconds[name] for name in names if name in self._seconds}

    def record_seconds(self, mnemonic_and_label: str, seconds: float) -> None:
        """Remember how long it took."""
        self._seconds[mnemonic_and_label] = seconds


def _write(path: Path, data: bytes, *, executable: bool) -> None:
    path.write_bytes(data)
    path.chmod(EXECUTABLE_MODE if executable else FILE_MODE)
    os.utime(path, (MTIME, MTIME))
