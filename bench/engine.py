"""Trivial actions on a BuildGrid with two workers, all of it on this machine, and the same in the sandbox here.

The toolchain is on the engine before the clock starts; the actions are not known to it. What the engine takes is what its scheduler,
its database and its workers take for an action that does nothing: the price of running a command elsewhere.
"""

from __future__ import annotations

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


def on_engine(grid: BuildGrid, folder: Path, targets: int) -> Run:
    """The same there."""
    options = ("--strategy=remote", f"--remote={grid.url}", "--remote-required")
    first = folder.with_name("first")
    first.mkdir()
    line = "workspace: {name: first}\ntargets:\n  first: {rule: genrule, outs: [first], cmd: echo first > $OUT}\n"
    (first / "BUILD.yaml").write_text(line, encoding="utf-8")
    seeded_store(first)
    lkbuild(first, "//:first", *options)
    return build(folder, targets, *options)


def main() -> None:
    given = arguments(__doc__, targets=1000)
    with buildgrid(unpack(given.folder / "parts", default_cache(os.environ))) as grid:
        away = on_engine(grid, given.folder / "away", given.targets)
    here = build(given.folder / "here", given.targets)
    rows = [("BuildGrid, two workers", away, None), ("sandbox", here, None)]
    report(f"engine, {given.targets} trivial actions", rows, peer="sandbox")
    print("".join(f"  {name}: {given.targets / run.wall:.1f} actions/s\n" for name, run, _ in rows))


if __name__ == "__main__":
    main()
