"""Takes what an action left behind into the store: exactly what it declared, nothing else.

A missing output is an error, an undeclared one is not kept. A link that an action put in the place of a folder is not followed: it leads
anywhere on this machine, and what is stored is taken away from where it lay. Does not know how the action ran.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.model.action import ActionResult, DeclaredOutput, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore
from lkbuild.sandbox.folders import leads_elsewhere


def capture(outputs: tuple[DeclaredOutput, ...], work: Path, blobs: BlobStore) -> tuple[OutputFile | OutputTree, ...]:
    """Store the declared outputs found under `work`, which is consumed. Raises BuildFailed."""
    return tuple(_tree(output, work, blobs) if output.tree else _file(output, work, blobs) for output in outputs)


def as_result(made: tuple[OutputFile | OutputTree, ...], log: Digest | None = None, seconds: float = 0.0) -> ActionResult:
    """What was captured, as a result."""
    files = tuple(item for item in made if isinstance(item, OutputFile))
    trees = tuple(item for item in made if isinstance(item, OutputTree))
    return ActionResult(files=files, trees=trees, log=log, seconds=seconds)


def _file(output: DeclaredOutput, work: Path, blobs: BlobStore) -> OutputFile:
    path = _place(output, work)
    try:
        status = path.lstat()
    except OSError:
        raise BuildFailed(f"the action did not make {output.path}", hint=_siblings(path, work)) from None
    if not stat.S_ISREG(status.st_mode):
        raise BuildFailed(f"{output.path} is not a regular file", hint=_instead(status.st_mode))
    return OutputFile(output.path, blobs.put_file(path, move=True), bool(status.st_mode & stat.S_IXUSR))


def _tree(output: DeclaredOutput, work: Path, blobs: BlobStore) -> OutputTree:
    path = _place(output, work)
    if path.is_symlink() or not path.is_dir():
        raise BuildFailed(f"the action did not make the directory {output.path}", hint=_siblings(path, work))
    return OutputTree(output.path, blobs.put_tree(path, move=True))


def _place(output: DeclaredOutput, work: Path) -> Path:
    """Where an output is. Raises BuildFailed where it is below a link that the action made: here that leads to files of the host."""
    if leads_elsewhere(os.fspath(work), output.path):
        raise BuildFailed(f"{output.path} is below a symbolic link", hint="an output lies in folders, as it is declared: copy it there")
    return work / output.path


def _instead(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "it is a directory: pack it into one file with tar, or declare the files in it"
    if stat.S_ISLNK(mode):
        return "it is a symbolic link: copy what it points to, by cp -L"
    return "it is a device, a pipe or a socket: write a file"


def _siblings(path: Path, work: Path) -> str | None:
    folder = path.parent
    if not folder.is_dir():
        return None
    names = sorted(item.relative_to(work).as_posix() for item in folder.iterdir())
    return f"beside it there is: {', '.join(names[:10])}" if names else None
