"""A copy of the repository as a reader of the documentation has it, and the environment of a terminal there. Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.workspace import LKBUILD, copy_of_repository


def clone(root: Path) -> None:
    """The repository's workspace at `root`, with the `.venv` that the first command of README makes."""
    copy_of_repository(root, root.with_name("unused"))
    (root / ".venv").mkdir()
    (root / ".venv/bin").symlink_to(LKBUILD.parent)


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """Variables of a terminal in which `lkbuild` is found, with more of them; the store is the user's."""
    found = {**os.environ, **more}
    return {**found, "PATH": f"{LKBUILD.parent}:{found['PATH']}", "NO_COLOR": "1", "CI": "1"}
