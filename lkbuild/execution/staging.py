"""Lays out an action's inputs for a sandbox: small files as copies in the working directory, everything else as mounts.

Nothing that the store keeps is ever within reach of a write: copies are the action's own, mounts are read-only. Does not know how
a sandbox mounts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lkbuild.execution.spares import Spares
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import File, Layout, Subtree
from lkbuild.store.layout import MTIME

#: Below this size a copy is cheaper than a mount, and the store holds the bytes in its database anyway.
SMALL: Final = 64 * 1024


def stage(layout: Layout, work: Path, blobs: BlobStore, spares: Spares) -> tuple[tuple[Path, str], ...]:
    """Write the small files into `work`; return the (host path, relative path) mounts for the rest.

    Raises:
        BlobMissing: the store has lost an input.
    """
    mounts: list[tuple[Path, str]] = []
    for path, leaf in sorted(layout.entries.items()):
        if isinstance(leaf, Subtree):
            mounts.append((blobs.tree_path(leaf.root), path))
        elif leaf.digest.size >= SMALL:
            mounts.append((blobs.path_of(leaf.digest, executable=leaf.executable), path))
        else:
            _copy(leaf, f"{work}/{path}", blobs, spares)
    return tuple(mounts)


def _copy(leaf: File, target: str, blobs: BlobStore, spares: Spares) -> None:
    data = memoryview(blobs.get_bytes(leaf.digest))
    handle = spares.create(target)
    try:
        while data:
            data = data[os.write(handle, data) :]
        os.fchmod(handle, 0o555 if leaf.executable else 0o444)
        os.utime(handle, (MTIME, MTIME))  # as of every file that the store hands out: an archive of inputs must not tell when it was built
    finally:
        os.close(handle)
