"""Cold builds of trivial actions: each runs `cat` in a sandbox of its own, whose result is stored. Ninja runs the same without either.

The store holds the toolchain and nothing more. What is built stays in the folder: bench/noop.py goes on from there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from generate import generate
from measure import Run, arguments, best, lkbuild, ninja, report, run, seeded_store

#: Seconds by number of actions (design 13).
BUDGET = {10_000: 40.0}


def build(folder: Path, targets: int) -> tuple[Run, Run]:
    """A cold build of each."""
    workspace = folder / f"trivial-{targets}"
    shutil.rmtree(workspace, ignore_errors=True)
    generate(workspace, targets)
    peer = run([ninja()], workspace)
    seeded_store(workspace)
    return lkbuild(workspace, "-q", "//..."), peer


def main() -> None:
    given = arguments(__doc__, targets=1000, runs=1)
    measured = [build(given.folder, given.targets) for _ in range(given.runs)]
    rows = [
        ("lkbuild, sandboxed and stored", best([ours for ours, _ in measured]), BUDGET.get(given.targets)),
        ("ninja, neither", best([peer for _, peer in measured]), None),
    ]
    report(f"cold build, {given.targets} trivial actions", rows, peer="ninja, neither")


if __name__ == "__main__":
    main()
