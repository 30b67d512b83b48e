"""Use case: remove outputs, and the store where asked.

What is not known for a folder of outputs, or for a store, stays: a mistyped `--out`, or an LKBUILD_OUT for another purpose, costs nobody
the sources.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import HostError, UsageError
from lkbuild.loading.workspace import find_workspace
from lkbuild.model.configuration import ARCHES
from lkbuild.store.layout import CACHEDIR_TAG

#: What lies in a folder of outputs beside a folder for each architecture: outputs for all of them, and those of `lkbuild bake`.
_BESIDE: Final = ("all", "bake")


def clean(options: BuildOptions, *, expunge: bool) -> tuple[str, ...]:
    """Remove lkbuild-out/ and, with `expunge`, the store; the answer names what was removed.

    Raises:
        UsageError: a folder is something else; nothing is removed then.
        HostError: it can't be removed.
    """
    root = options.workspace or find_workspace(options.cwd)
    folders = [options.out or root / "lkbuild-out"]
    if options.out is not None or folders[0].is_symlink():
        _check_outputs(folders[0], root)
    if expunge:
        _check_store(options.cache)
        folders.append(options.cache)
    removed = [folder for folder in folders if folder.exists()]
    for folder in removed:
        _remove(folder)
    return tuple(map(str, removed))


def _check_outputs(out: Path, root: Path) -> None:
    """Refuse a folder that holds what no build writes there."""
    if root.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{out} holds the workspace: nothing is removed", hint="check --out and LKBUILD_OUT")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder of outputs: nothing is removed", hint="check --out and LKBUILD_OUT")
    if out.is_dir() and (other := next((path.name for path in sorted(out.iterdir()) if not _is_ours(path.name)), None)):
        raise UsageError(
            f"{out} holds '{other}', which is no output: nothing is removed",
            hint="check --out and LKBUILD_OUT; if all of it may go, remove it yourself",
        )


def _is_ours(name: str) -> bool:
    return name in _BESIDE or all(part in ARCHES for part in name.split("+"))


def _check_store(cache: Path) -> None:
    """Refuse a folder that is no store of ours. Other programs tag their caches, too."""
    try:
        ours = not cache.exists() or (cache / "CACHEDIR.TAG").read_bytes() == CACHEDIR_TAG.encode()
    except OSError:
        ours = False
    if not ours:
        raise UsageError(f"{cache} is no store: nothing is removed", hint="check --cache and LKBUILD_CACHE")


def _remove(folder: Path) -> None:
    try:
        if folder.is_symlink():  # it leads to another disk, say, and stays
            for path in folder.iterdir():
                _remove_tree(path)
        else:
            _remove_tree(folder)
    except OSError as error:
        raise HostError(f"can't remove {error.filename}: {error.strerror}") from error


def _remove_tree(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    # Materialised trees are read-only, and a directory must be writable to lose its entries.
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path)
