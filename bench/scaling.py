"""How the cold build and the no-op grow with the number of targets: lkbuild and ninja on the same graphs, as a table and as scaling.svg.

python bench/scaling.py --targets 100000       # 100, 300, 1,000, ... up to that; a quarter of an hour on two quiet cores

What was built of `--keep` targets stays for the benches that go on from it.
"""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cold
import noop
from cold import build
from measure import HERE, Run, arguments, best, lkbuild, ninja, report, run, store_of

_RACY_S = 2.1
_WIDTH, _HEIGHT, _LEFT, _TOP = 620, 360, 60, 30


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the plot: what it is, its colour, and seconds by targets."""

    name: str
    color: str
    points: dict[int, float]


def sizes(most: int) -> list[int]:
    """100, 300, 1,000, 3,000 and so on."""
    every = [factor * 10**power for power in range(2, 7) for factor in (1, 3)]
    return [size for size in every if size <= most]


def measured(folder: Path, targets: int, *, keep: bool) -> dict[str, Run]:
    """Cold and no-op of both."""
    ours, theirs = build(folder, targets)
    workspace = folder / f"trivial-{targets}"
    time.sleep(_RACY_S)
    lkbuild(workspace, "-q", "//...")  # writes the snapshot
    nothing = best([lkbuild(workspace, "-q", "//...") for _ in range(5)])
    peer = best([run([ninja()], workspace) for _ in range(5)])
    if not keep:
        shutil.rmtree(workspace)
        run(["chmod", "-R", "u+w", str(store_of(workspace))], folder)  # materialised trees are read-only
        shutil.rmtree(store_of(workspace))
    return {"lkbuild, cold": ours, "ninja, cold": theirs, "lkbuild, no-op": nothing, "ninja, no-op": peer}


def plot(lines: list[Line]) -> str:
    """A log-log plot. By hand: it is four lines, and a plotting library is larger than lkbuild."""
    across = [math.log10(size) for line in lines for size in line.points]
    up = [math.log10(value) for line in lines for value in line.points.values()]
    left, right, low, high = math.floor(min(across)), math.ceil(max(across)), math.floor(min(up)), math.ceil(max(up))

    def place(size: float, value: float) -> tuple[float, float]:
        x = _LEFT + (math.log10(size) - left) / (right - left) * (_WIDTH - _LEFT - 130)
        y = _TOP + (high - math.log10(value)) / (high - low) * (_HEIGHT - _TOP - 50)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="16">seconds, by number of targets</text>',
    ]
    for power in range(low, high + 1):
        (x, y), (end, _) = place(10**left, 10**power), place(10**right, 10**power)
        parts.append(f'<path d="M{x} {y}H{end}" stroke="#ddd"/><text x="{x - 6}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for power in range(left, right + 1):
        (x, y), (_, end) = place(10**power, 10**low), place(10**power, 10**high)
        parts.append(f'<path d="M{x} {y}V{end}" stroke="#ddd"/><text x="{x}" y="{y + 16}" text-anchor="middle">{10**power:,}</text>')
    for line in lines:
        points = [place(*point) for point in sorted(line.points.items())]
        parts += [f'<path d="M{x} {y}L{u} {v}" stroke="{line.color}" stroke-width="2"/>' for (x, y), (u, v) in pairwise(points)]
        x, y = points[-1]
        parts.append(f'<text x="{x + 6}" y="{y + 4}" fill="{line.color}">{line.name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _budget(name: str, targets: int) -> float | None:
    budgets = {"lkbuild, cold": cold.BUDGET, "lkbuild, no-op": noop.BUDGET}
    return budgets.get(name, {}).get(targets)


def main() -> None:
    given = arguments(__doc__, targets=3000, keep=0)
    found = {size: measured(given.folder, size, keep=size == given.keep) for size in sizes(given.targets)}
    rows = [(f"{name}, {size}", run, _budget(name, size)) for size, runs in found.items() for name, run in runs.items()]
    report("scaling", rows)
    colors = {"lkbuild, cold": "#b03030", "ninja, cold": "#e09090", "lkbuild, no-op": "#2050a0", "ninja, no-op": "#90b0e0"}
    lines = [Line(name, color, {size: runs[name].wall for size, runs in found.items()}) for name, color in colors.items()]
    (HERE / "scaling.svg").write_text(plot(lines), encoding="utf-8")
    print(f"wrote {HERE / 'scaling.svg'}")


if __name__ == "__main__":
    main()
