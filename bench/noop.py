"""No-op builds: nothing changed since the last one. lkbuild and ninja take turns, so that a disturbance meets both.

Three ways of lkbuild: the fast path (a stat of each file), the long way (the snapshot of the last build is gone), and the version alone,
which is what starting Python costs. Needs what bench/cold.py built; builds it where it is not there.
"""

from __future__ import annotations

import shutil
import time

from cold import build
from measure import LKBUILD, Run, arguments, best, lkbuild, ninja, report, run, store_of

BUDGET = {10_000: 0.08, 100_000: 0.7}
_RACY_S = 2.1


def main() -> None:
    given = arguments(__doc__, targets=1000, runs=10)
    workspace = given.folder / f"trivial-{given.targets}"
    if not (workspace / "lkbuild-out").exists():
        build(given.folder, given.targets)
    time.sleep(_RACY_S)  # outputs must be older than that before a snapshot is made of them
    snapshots = store_of(workspace) / "snapshots"
    turns: dict[str, list[Run]] = {"lkbuild": [], "lkbuild, the long way": [], "lkbuild --version": [], "ninja": []}
    for turn in range(given.runs):
        if turn < 2:
            shutil.rmtree(snapshots, ignore_errors=True)
            turns["lkbuild, the long way"].append(lkbuild(workspace, "//..."))
        turns["lkbuild"].append(lkbuild(workspace, "//..."))
        turns["ninja"].append(run([ninja()], workspace))
        turns["lkbuild --version"].append(run([str(LKBUILD), "--version"], workspace))
    rows = [(name, best(runs), BUDGET.get(given.targets) if name == "lkbuild" else None) for name, runs in turns.items()]
    report(f"no-op, {given.targets} targets", rows, peer="ninja")


if __name__ == "__main__":
    main()
