"""Writes what was asked for under lkbuild-out/, where it is not there already.

A file is copied out of the store, never linked: what a user does to it can't hurt the store. What was written is remembered by
stat, so that an unchanged file costs one system call. A large file that is stored as parts, and shares most of them with what was
written before, is that file, changed from the first other part on, unless somebody has it open. Does not know what the outputs are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lkbuild.app.copying import LARGE, amend, copy
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.atomic import new_file, replacing, sweep
from lkbuild.base.errors import HostError
from lkbuild.base.values import dataclass
from lkbuild.execution.build import Execution
from lkbuild.execution.sources import SourceDigests
from lkbuild.model.action import Source
from lkbuild.model.artifact import Inline, NamedArtifact, Output, SourceFile
from lkbuild.model.ports import BlobStore
from lkbuild.model.report import BuiltOutput
from lkbuild.model.tree import File, Subtree


@dataclass(frozen=True, slots=True)
class Materialiser:
    """Writes outputs of one execution. For one thread at a time to a target.

    Attributes:
        blobs: has them.
        sources: what is asked for may be one.
        execution: says which they are.
        state: what was written before.
        out: the folder for all of them.
        create: makes files, as `lkbuild.base.atomic.new_file` does.
    """

    blobs: BlobStore
    sources: SourceDigests
    execution: Execution
    state: WorkspaceState
    out: Path
    create: Callable[[str], int] = new_file

    def write(self, files: Sequence[NamedArtifact], folder: str) -> tuple[BuiltOutput, ...]:
        """Write artifacts under a folder. Raises HostError where the disk refuses."""
        try:
            return tuple(self._one(item, folder) for item in files)
        except OSError as error:
            hint = "free space, or give another --out" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "give another --out"
            raise HostError(f"can't write {error.filename or folder}: {error.strerror}", hint=hint) from error

    def can_write(self, files: Sequence[NamedArtifact]) -> bool:
        """Whether the bytes are here: with `--download=none`, what a remote had is not."""
        leaves = [self._leaf(item.artifact) for item in files if isinstance(item.artifact, Output)]
        known = (self.execution.sources.get(item.artifact.action) for item in files if isinstance(item.artifact, Output))
        if Source.REMOTE_HIT not in known:
            return True
        digests = {leaf.root if isinstance(leaf, Subtree) else leaf.digest for leaf in leaves}
        return not self.blobs.missing(digests)

    def _one(self, item: NamedArtifact, folder: str) -> BuiltOutput:
        if isinstance(item.artifact, SourceFile):
            leaf = self.sources.file(item.artifact)
            return BuiltOutput(path=str(self.sources.path(item.artifact)), digest=leaf.digest)
        found, target = self._leaf(item.artifact), f"{folder}/{item.name}"
        if isinstance(found, Subtree):
            if not self.state.is_current(target, found.root):
                self._tree(found, Path(target), folder)
            return BuiltOutput(path=target, digest=found.root, tree=True)
        if not self.state.is_current(target, found.digest, executable=found.executable):
            self._file(found, Path(target), folder)
        return BuiltOutput(path=target, digest=found.digest)

    def forget_others(self, files: Sequence[NamedArtifact], folder: str) -> None:
        """Remove what earlier builds wrote for a target and it declares no more, unless somebody has changed it since."""
        written = self.state.written_into(folder)
        if not written:
            return
        declared = {f"{folder}/{item.name}" for item in files if not isinstance(item.artifact, SourceFile)}
        for name in written:
            if name not in declared and self.state.forget(name):
                path = Path(name)
                _remove(path)
                for parent in path.parents[: len(path.relative_to(folder).parts) - 1]:
                    with contextlib.suppress(OSError):  # something else is in it
                        parent.rmdir()

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            # A file of an earlier build, of a target or output that has gone, lies where a folder is needed.
            for path in (folder, *folder.parents):
                if path.is_relative_to(self.out) and path != self.out and not path.is_dir():
                    path.unlink(missing_ok=True)
            folder.mkdir(parents=True, exist_ok=True)

    def _leaf(self, artifact: Inline | Output) -> File | Subtree:
        if isinstance(artifact, Inline):
            return File(self.blobs.put_bytes(artifact.data), artifact.executable)
        leaf = self.execution.leaf_of(artifact)
        if leaf is None:
            msg = f"{artifact} was not built"
            raise AssertionError(msg)  # callers write outputs of results only
        return leaf

    def _file(self, leaf: File, target: Path, folder: str) -> None:
        self._make_folder(target.parent)
        if target.is_dir() and not target.is_symlink():
            _remove_tree(target)
        if leaf.digest.size >= LARGE:
            sweep(target.parent)
        if not self._amended(leaf, target):
            mode, large = 0o755 if leaf.executable else 0o644, leaf.digest.size >= LARGE
            with replacing(target, mode=mode, at_once=large, create=self.create) as out, self.blobs.open(leaf.digest) as stream:
                copy(stream, leaf.digest.size, out)
                out.truncate()
        self.state.remember(str(target), folder, leaf.digest, executable=leaf.executable)

    def _amended(self, leaf: File, target: Path) -> bool:
        """Whether the file of an earlier build, most of whose bytes are the new one's as well, was made into it."""
        was = self.state.file_at(str(target)) if leaf.digest.size >= LARGE else None
        if was is None or was.executable != leaf.executable:
            return False
        before, after = self.blobs.parts(was.digest), self.blobs.parts(leaf.digest)
        return amend(target, before, after, self.blobs.open, lambda: self.state.file_at(str(target)) == was)

    def _tree(self, leaf: Subtree, target: Path, folder: str) -> None:
        self._make_folder(target.parent)
        _remove(target)
        shutil.copytree(self.blobs.tree_path(leaf.root), target, symlinks=True)
        for below, _, _ in os.walk(target):
            Path(below).chmod(0o755)
        self.state.remember(str(target), folder, leaf.root)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        _remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_tree(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path)
