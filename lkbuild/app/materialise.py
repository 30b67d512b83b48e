"""Writes what was asked for under lkbuild-out/, where it is not there already.

A file is copied out of the store, never linked: what a user does to it can't hurt the store. What was written is remembered by
stat, so that an unchanged file costs one system call. Does not know what the outputs are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.atomic import replacing
from lkbuild.base.errors import HostError
from lkbuild.execution.build import Execution
from lkbuild.execution.sources import SourceDigests
from lkbuild.model.artifact import Inline, NamedArtifact, Output, SourceFile
from lkbuild.model.ports import BlobStore
from lkbuild.model.report import BuiltOutput
from lkbuild.model.tree import File, Subtree


@dataclass(frozen=True, slots=True)
class Materialiser:
    """Writes outputs of one execution."""

    blobs: BlobStore
    sources: SourceDigests
    execution: Execution
    state: WorkspaceState

    def write(self, files: Sequence[NamedArtifact], folder: str) -> tuple[BuiltOutput, ...]:
        """Write artifacts under a folder. Raises HostError where the disk refuses."""
        try:
            return tuple(self._one(item, folder) for item in files)
        except OSError as error:
            raise HostError(
                f"can't write {error.filename or folder}: {error.strerror}", hint="free space, or give another --out"
            ) from error

    def _one(self, item: NamedArtifact, folder: str) -> BuiltOutput:
        if isinstance(item.artifact, SourceFile):
            leaf = self.sources.file(item.artifact)
            return BuiltOutput(path=str(self.sources.path(item.artifact)), digest=leaf.digest)
        found = self._leaf(item.artifact)
        path = f"{folder}/{item.name}"  # no Path before there is something to write: a build has tens of thousands that stay
        if isinstance(found, Subtree):
            if not self.state.is_current(path, found.root):
                self._tree(found, Path(path))
            return BuiltOutput(path=path, digest=found.root, tree=True)
        if not self.state.is_current(path, found.digest, executable=found.executable):
            self._file(found, Path(path))
        return BuiltOutput(path=path, digest=found.digest)

    def _leaf(self, artifact: Inline | Output) -> File | Subtree:
        if isinstance(artifact, Inline):
            return File(self.blobs.put_bytes(artifact.data), artifact.executable)
        leaf = self.execution.leaf_of(artifact)
        if leaf is None:
            msg = f"{artifact} was not built"
            raise AssertionError(msg)  # callers write outputs of results only
        return leaf

    def _file(self, leaf: File, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            _remove_tree(target)
        with replacing(target, mode=0o755 if leaf.executable else 0o644) as out, self.blobs.open(leaf.digest) as stream:
            shutil.copyfileobj(stream, out, 1 << 20)
        self.state.remember(target, leaf.digest, executable=leaf.executable)

    def _tree(self, leaf: Subtree, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            _remove_tree(target)
        else:
            target.unlink(missing_ok=True)
        shutil.copytree(self.blobs.tree_path(leaf.root), target, symlinks=True)
        for folder, _, _ in os.walk(target):
            Path(folder).chmod(0o755)
        self.state.remember(target, leaf.root)


def _remove_tree(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path)
