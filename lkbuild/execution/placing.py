"""Copies of stored files and trees on disk, for a program that is no sandbox: with the modes and the time that all of them have.

Does not know what the program does with them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import File, Subtree
from lkbuild.store.layout import MTIME

_CHUNK: Final = 1 << 20


def place(leaf: File | Subtree, target: Path, blobs: BlobStore) -> None:
    """A copy at `target`, whose folders are made. Raises BlobMissing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(leaf, Subtree):
        _copy_tree(blobs.tree_path(leaf.root), target)
        return
    with blobs.open(leaf.digest) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
    _finish(target, executable=leaf.executable)


def _copy_tree(source: Path, target: Path) -> None:
    target.mkdir()
    with os.scandir(source) as found:
        for item in found:
            copy = target / item.name
            if item.is_symlink():
                copy.symlink_to(Path(item.path).readlink())
            elif item.is_dir():
                _copy_tree(Path(item.path), copy)
            else:
                shutil.copyfile(item.path, copy)
                _finish(copy, executable=bool(item.stat().st_mode & 0o100))


def _finish(path: Path, *, executable: bool) -> None:
    path.chmod(0o755 if executable else 0o644)
    os.utime(path, (MTIME, MTIME))
