"""A store driven at random against a dictionary: put, get, results, damage, crash and reopen, collection. Issue 3, "Nothing lost"."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from blake3 import blake3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.ports import BlobMissing
from lkbuild.store.disk import DiskStore
from lkbuild.store.gc import GcPolicy, collect
from lkbuild.store.verify import verify

#: Both kinds of packed blob, both kinds of file, and the borders between them.
SIZES = st.sampled_from([0, 1, 127, 5000, 65_536, 65_537, 140_000])


def content(seed: int, size: int, *, compressible: bool) -> bytes:
    unit = blake3(f"{seed}".encode()).digest(64 if compressible else size or 1)
    return (unit * (size // len(unit) + 1))[:size]


CONTENTS = st.builds(content, st.integers(0, 3), SIZES, compressible=st.booleans())

#: Enough for a list of parts, with something small beside it.
LARGE = st.builds(content, st.integers(0, 3), st.just(140_000), compressible=st.booleans())


class StoreMachine(RuleBasedStateMachine):
    """The model: what was put, and what was recorded. What is absent may only be absent after something took it away."""

    digests = Bundle("digests")
    keys = Bundle("keys")
    roots = Bundle("roots")

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.store = DiskStore.open(self.folder / "store")
        self.bytes: dict[Digest, bytes] = {}
        self.trees: dict[Digest, dict[str, bytes]] = {}
        self.results: dict[Digest, ActionResult] = {}
        self.lost = False

    @rule(target=digests, data=CONTENTS)
    def put_bytes(self, data: bytes) -> Digest:
        digest = self.store.blobs.put_bytes(data)
        self.bytes[digest] = data
        assert self.store.blobs.has(digest), "what was put is there at once"
        return digest

    @rule(target=digests, data=CONTENTS, move=st.booleans(), executable=st.booleans())
    def put_file(self, data: bytes, move: bool, executable: bool) -> Digest:
        path = self.folder / "file"
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(0o755 if executable else 0o644)
        digest = self.store.blobs.put_file(path, move=move)
        self.bytes[digest] = data
        return digest

    @rule(target=digests, large=LARGE, others=st.lists(digests, max_size=2), expected=st.integers(0, 3))
    def put_parts(self, large: bytes, others: list[Digest], expected: int) -> Digest:
        parts = [self.store.blobs.put_bytes(large), *others]
        self.bytes[parts[0]] = large
        self.store.blobs.expect_parts(parts[:expected])
        data = b"".join(self.bytes[part] for part in parts)
        try:
            digest = self.store.blobs.put_parts(parts)
        except BlobMissing:
            assert self.lost
            digest = self.store.blobs.put_bytes(data)
        assert digest == Digest.of(data)
        self.bytes[digest] = data
        assert self.store.blobs.has(digest), "what was put is there at once"
        return digest

    @rule(target=roots, files=st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/e/f"]), CONTENTS, max_size=3), move=st.booleans())
    def put_tree(self, files: dict[str, bytes], move: bool) -> Digest:
        source = self.folder / "source"
        source.mkdir()
        for name, data in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(data)
        root = self.store.blobs.put_tree(source, move=move)
        shutil.rmtree(source, ignore_errors=True)
        self.trees[root] = files
        return root

    @rule(digest=digests)
    def get(self, digest: Digest) -> None:
        try:
            assert self.store.blobs.get_bytes(digest) == self.bytes[digest]
        except BlobMissing:
            assert self.lost
            self.store.blobs.put_bytes(self.bytes[digest])

    @rule(digest=digests, executable=st.booleans())
    def path_of(self, digest: Digest, executable: bool) -> None:
        try:
            assert self.store.blobs.path_of(digest, executable=executable).read_bytes() == self.bytes[digest]
        except BlobMissing:
            assert self.lost

    @rule(root=roots)
    def tree_path(self, root: Digest) -> None:
        try:
            path = self.store.blobs.tree_path(root)
        except BlobMissing:
            assert self.lost
            return
        found = {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file()}
        assert found == self.trees[root]

    @rule(target=keys, number=st.integers(0, 5), digest=digests, root=roots)
    def put_result(self, number: int, digest: Digest, root: Digest) -> Digest:
        key = Digest.of(b"key %d" % number)
        result = ActionResult(files=(OutputFile("f", digest),), trees=(OutputTree("t", root),), seconds=float(number))
        before = self.store.actions.get(key)
        self.store.actions.put(key, result)
        after = self.store.actions.get(key)
        assert after == (before or result) or (after is None and self.lost)
        self.results[key] = before or result
        return key

    @rule(key=keys)
    def get_result(self, key: Digest) -> None:
        result = self.store.actions.get(key)
        if result is None:
            assert self.lost
            return
        assert result == self.results[key]
        assert self.store.blobs.get_bytes(result.files[0].digest) == self.bytes[result.files[0].digest]
        self.tree_path_must_work(result.trees[0].root)

    def tree_path_must_work(self, root: Digest) -> None:
        path = self.store.blobs.tree_path(root)
        assert {str(item.relative_to(path)) for item in path.rglob("*") if item.is_file()} == set(self.trees[root])

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = DiskStore.open(self.folder / "store")

    @rule(committed=st.booleans())
    def crash(self, committed: bool) -> None:
        """The process ends without a word: what is queued is lost, what is committed is not, the lease is freed by the kernel."""
        store = self.store
        if committed:
            store.flush()
        self.lost |= not committed
        assert store.lease is not None
        writer = store._writer
        assert writer is not None
        with writer._changed:
            writer._pending.clear()
            writer._closed = True
            writer._changed.notify_all()
        if writer._thread is not None:
            writer._thread.join()
        store.close = lambda: None
        os.close(store.lease._handle)
        store.database.close()
        self.store = DiskStore.open(self.folder / "store")

    @rule(keep=st.sampled_from([0, 100_000, 1 << 30]), dry_run=st.booleans())
    def collect(self, keep: int, dry_run: bool) -> None:
        before = {digest for digest in self.bytes if self.store.blobs.has(digest)}
        report = collect(self.store, GcPolicy(max_bytes=keep), dry_run=dry_run)
        assert report.satisfied
        assert report.in_use == 0
        if dry_run or report.blobs == 0:
            assert not self.store.blobs.missing(before)
        else:
            self.lost = True
        if keep == 0 and not dry_run:
            assert self.store.blobs.missing(before) == before

    @rule(digest=digests)
    def collect_under_a_running_build(self, digest: Digest) -> None:
        """Another process's store holds a lease: nothing that it has seen may go."""
        with DiskStore.open(self.folder / "store") as other:
            self.store.flush()
            seen = other.blobs.has(digest)
            assert collect(self.store, GcPolicy(max_bytes=0)).in_use == 1
            assert not seen or other.blobs.get_bytes(digest) == self.bytes[digest]

    @rule(digest=digests)
    def damage(self, digest: Digest) -> None:
        for compressed in (False, True):
            path = self.store.layout.blob(digest, compressed=compressed)
            # A file that is linked elsewhere is left: one bit would hit a tree that is trusted, which is verify's to find.
            if path.exists() and path.stat().st_nlink == 1:
                path.chmod(0o600)
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)
                self.lost = True
                try:
                    assert self.store.blobs.get_bytes(digest) == self.bytes[digest]
                except BlobMissing:
                    assert not self.store.blobs.has(digest), "found damaged, it is there no more"

    @invariant()
    def nothing_is_wrong(self) -> None:
        if hasattr(self, "store"):
            assert self.store.blobs.missing(self.bytes) == set() or self.lost

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert verify(self.store).clean
            self.store.close()
            shutil.rmtree(self.folder, ignore_errors=True)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
