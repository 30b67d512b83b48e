"""Where things lie in a store's folder. Names only: this module neither reads nor writes.

root/
  FORMAT          one line: the version of this layout
  CACHEDIR.TAG    backup tools leave the folder out
  store.sqlite    small blobs, action results, sizes, last use, digest pairs (WAL)
  blobs/ab/<hash>[.zst]     large blobs, raw or zstd, named by the digest of their uncompressed bytes
  expanded/<boot>/ab/<hash>[.x]   uncompressed read-only files, made on demand; .x is executable
  trees/<hash>/             materialised trees, read-only
  leases/<pid>-<n>          one locked file for each process that uses the store
  tmp/<pid>-<n>/            what such a process is writing; renamed into place when whole
  reserve                   2 MiB of nothing: room to collect when the disk is full
  open.lock, files.lock     flock(2): opening against collecting; publishing files against removing them
  claims.lock               one byte for each action that runs (fcntl(2)): the same is not run twice at once
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from lkbuild.base.boots import boot_id
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass

FORMAT: Final = "lkbuild store 1\n"
#: https://bford.info/cachedir/: the signature that backup tools look for.
CACHEDIR_TAG: Final = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of lkbuild; it can be made again.\n"
#: Blobs up to this size live in the database. Measured: at 4 KiB a row costs a twentieth of a file to put and a third to get, at
#: 64 KiB a quarter and the same, at 256 KiB as much as a file.
PACKED_LIMIT: Final = 64 * 1024
#: Modification time of every file that the store hands out, so that no action sees when it was built: 1980-01-02, which zip can hold.
MTIME: Final = 315_619_200
FILE_MODE: Final = 0o444
EXECUTABLE_MODE: Final = 0o555
#: How much of a boot's identity names the folder of its expanded files: not two digits, which those of older lkbuilds have.
_BOOT_DIGITS: Final = 8
FOLDERS: Final = ("blobs", "expanded", "trees", "leases", "tmp")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one store."""

    root: Path

    @property
    def format(self) -> Path:
        """The file that names the layout's version."""
        return self.root / "FORMAT"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.root / "store.sqlite"

    @property
    def claims(self) -> Path:
        """The file whose bytes stand for actions that run."""
        return self.root / "claims.lock"

    @property
    def trees(self) -> Path:
        """The folder of materialised trees."""
        return self.root / "trees"

    @property
    def leases(self) -> Path:
        """The folder of the leases of running processes."""
        return self.root / "leases"

    @property
    def tmp(self) -> Path:
        """The folder of unfinished files, on the same file system so that a rename publishes them."""
        return self.root / "tmp"

    @property
    def open_lock(self) -> Path:
        """Held shared while a lease is taken, exclusively while a store is made, or collected without other users."""
        return self.root / "open.lock"

    @property
    def files_lock(self) -> Path:
        """Held shared from a file's rename to the commit of its row, exclusively while rows and their files are removed."""
        return self.root / "files.lock"

    @property
    def reserve(self) -> Path:
        """Room that is given up to collect on a full disk."""
        return self.root / "reserve"

    def blob(self, digest: Digest, *, compressed: bool) -> Path:
        """The file of a large blob."""
        return self.root / "blobs" / digest.hash[:2] / (digest.hash + (".zst" if compressed else ""))

    def expanded(self, digest: Digest, *, executable: bool) -> Path:
        """The uncompressed file of a blob, for mounting: one that was made or looked at in this boot of the machine."""
        return expanded_below(self.root / "expanded" / _this_boot(), digest, executable=executable)

    def expanded_before(self) -> list[Path]:
        """The folders of expanded files of which only an earlier boot knows that they are whole."""
        folder = self.root / "expanded"
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names are what is wanted
        return [folder / name for name in sorted(names) if len(name) == _BOOT_DIGITS and name != _this_boot()] + [folder]

    def tree(self, root: Digest) -> Path:
        """The folder of a materialised tree."""
        return self.trees / root.hash


def expanded_below(folder: Path, digest: Digest, *, executable: bool) -> Path:
    """The expanded file of a blob in the folder of one boot."""
    return folder / digest.hash[:2] / (digest.hash + (".x" if executable else ""))


def _this_boot() -> str:
    return boot_id()[:_BOOT_DIGITS] or "0" * _BOOT_DIGITS
