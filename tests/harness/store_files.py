"""The files of a store's blobs, and what befalls them."""

from __future__ import annotations

from pathlib import Path

from lkbuild.base.digest import Digest


def file_of(root: Path, digest: Digest) -> Path:
    """The one file of a large blob."""
    (path,) = (root / "blobs").glob(f"*/{digest.hash}*")
    return path


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
