"""Trivial actions on a BuildGrid with two workers, all of it on this machine, and the same in the sandbox here.

The toolchain is on the engine before the clock starts; the actions are not known to it. What the engine takes is what its scheduler,
its database and its workers take for an action that does nothing: the price of running a command elsewhere. Whose processor time that is
is told for each part, since all of them share this machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from generate import generate
from harness.buildgrid import BuildGrid, buildgrid, unpack
from measure import Run, arguments, lkbuild, report, seeded_store

from lkbuild.cli.options import default_cache


def build(folder: Path, targets: int, *options: str) -> Run:
    """A cold build, but for the toolchain."""
    shutil.rmtree(folder, ignore_errors=True)
    generate(folder, targets)
    seeded_store(folder)
    return lkbuild(folder, "-q", "//...", *options)


def spent(grid: BuildGrid) -> dict[str, float]:
    """Seconds of processor time of each part, with all that it has started and that has ended."""
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for name, process in grid.running.items():
        ticks = 0
        for pid in (process.pid, *grid.processes(name)):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
        found[name] = ticks / tick
    return found


def on_engine(grid: BuildGrid, folder: Path, targets: int) -> tuple[Run, dict[str, float]]:
    """The same there, and what each part of the engine took for it."""
    options = ("--strategy=remote", f"--remote={grid.url}", "--remote-required")
    first = folder.with_name("first")
    first.mkdir()
    line = "workspace: {name: first}\ntargets:\n  first: {rule: genrule, outs: [first], cmd: echo first > $OUT}\n"
    (first / "BUILD.yaml").write_text(line, encoding="utf-8")
    seeded_store(first)
    lkbuild(first, "//:first", *options)
    before = spent(grid)
    run = build(folder, targets, *options)
    return run, {name: seconds - before[name] for name, seconds in spent(grid).items()}


def main() -> None:
    given = arguments(__doc__, targets=1000)
    with buildgrid(unpack(given.folder / "parts", default_cache(os.environ))) as grid:
        away, parts = on_engine(grid, given.folder / "away", given.targets)
    here = build(given.folder / "here", given.targets)
    rows = [("BuildGrid, two workers", away, None), ("sandbox", here, None)]
    report(f"engine, {given.targets} trivial actions", rows, peer="sandbox")
    print("".join(f"  {name}: {given.targets / run.wall:.1f} actions/s\n" for name, run, _ in rows))
    print("  processor time, ms an action: " + ", ".join(f"{name} {seconds / given.targets * 1000:.0f}" for name, seconds in parts.items()))


if __name__ == "__main__":
    main()
