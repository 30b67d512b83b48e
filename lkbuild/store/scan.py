"""Directories into trees: walks a directory, refuses what a tree can't hold, and yields its files for storing.

No owners, times or modes but the executable bit; links relative and inside. Knows no store: what to do with files is told by a callback.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from pathlib import Path

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.base.values import dataclass
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, SymlinkNode


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file of a directory being scanned."""

    path: str
    size: int
    executable: bool


@dataclass(slots=True)
class _Folder:
    path: str
    relative: str
    parent: _Folder | None
    name: str
    files: list[tuple[str, FoundFile]] = field(default_factory=list)
    symlinks: list[SymlinkNode] = field(default_factory=list)
    directories: list[DirectoryNode] = field(default_factory=list)


def scan(root: Path, store: Callable[[Sequence[FoundFile]], Sequence[Digest]]) -> Iterator[tuple[Digest, bytes]]:
    """The digest and message of every directory, children before parents, the root last.

    Args:
        root: a directory.
        store: called with the files of one directory; returns their digests in that order.

    Raises:
        BuildFailed: a device, a socket, a pipe; an absolute or an escaping symbolic link.
        OSError: a file that can't be read.
    """
    top = _Folder(os.fspath(root), "", None, "")
    folders = [top]
    for folder in folders:
        folders.extend(_list(root, folder))
    for folder in reversed(folders):
        digests = store([file for _, file in folder.files])
        files = tuple(FileNode(name, digest, file.executable) for (name, file), digest in zip(folder.files, digests, strict=True))
        message = Directory(files, tuple(folder.directories), tuple(folder.symlinks)).encode()
        digest = Digest.of(message)
        if folder.parent is not None:
            folder.parent.directories.append(DirectoryNode(folder.name, digest))
        yield digest, message


def _list(root: Path, folder: _Folder) -> list[_Folder]:
    below = []
    with os.scandir(folder.path) as entries:
        for entry in entries:
            relative = f"{folder.relative}{entry.name}"
            if entry.is_symlink():
                folder.symlinks.append(_link(root, relative, entry))
            elif entry.is_dir():
                below.append(_Folder(entry.path, f"{relative}/", folder, entry.name))
            else:
                status = entry.stat()
                if not stat.S_ISREG(status.st_mode):
                    raise BuildFailed(f"{relative}: a tree can't hold a {_kind(status.st_mode)}", hint="remove it before the action ends")
                folder.files.append((entry.name, FoundFile(entry.path, status.st_size, bool(status.st_mode & 0o100))))
    return below


def _link(root: Path, relative: str, entry: os.DirEntry[str]) -> SymlinkNode:
    target = os.readlink(entry.path)  # noqa: PTH115 - hot: toolchains hold thousands
    if target.startswith("/"):
        raise BuildFailed(f"{relative}: an absolute symbolic link, to {target}", hint="make it relative: ln -sr")
    depth, ascended_late = relative.count("/"), False
    named = False
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            ascended_late |= named
            if depth < 0:
                break
        elif part not in ("", "."):
            depth, named = depth + 1, True
    # `x/..` is not nothing where x is itself a link: only the kernel's way of resolving tells where that leads.
    outside = ascended_late and not Path(os.path.realpath(entry.path)).is_relative_to(os.path.realpath(root))
    if depth < 0 or outside:
        raise BuildFailed(
            f"{relative}: a symbolic link that leads out of the tree, to {target}", hint="copy what it points to into the tree"
        )
    return SymlinkNode(entry.name, target)


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "block device"),
        (stat.S_ISCHR, "character device"),
    ):
        if test(mode):
            return name
    return "special file"
