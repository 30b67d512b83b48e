"""Use case: remove outputs, and the store where asked."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import HostError, UsageError
from lkbuild.loading.workspace import find_workspace


def clean(options: BuildOptions, *, expunge: bool) -> tuple[str, ...]:
    """Remove lkbuild-out/ and, with `expunge`, the store; the answer names what was removed."""
    root = options.workspace or find_workspace(options.cwd)
    folders = [options.out or root / "lkbuild-out"]
    if expunge:
        if options.cache.exists() and not (options.cache / "CACHEDIR.TAG").exists():
            raise UsageError(f"{options.cache} is no store: nothing is removed", hint="check --cache and LKBUILD_CACHE")
        folders.append(options.cache)
    removed = [folder for folder in folders if folder.exists()]
    for folder in removed:
        _remove(folder)
    return tuple(map(str, removed))


def _remove(folder: Path) -> None:
    # Materialised trees are read-only, and a directory must be writable to lose its entries.
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise HostError(f"can't remove {error.filename}: {error.strerror}") from error
