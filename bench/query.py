"""Queries over a whole workspace: each function and operator, of which the answer is most of it. Nothing is built.

The first query of all parses every BUILD.yaml; the rows are of later ones, which find the packages remembered.
"""

from __future__ import annotations

import shutil

from generate import generate
from measure import Run, arguments, best, lkbuild, report, store_of

#: Seconds by number of targets (issue 3).
BUDGET = {100_000: 2.0}
QUERIES = (
    "//...",
    "deps(//...)",
    "rdeps(//..., //p3:t301)",
    "somepath(//..., //p3:t301)",
    "allpaths(//..., //p3:t301)",
    "kind(genrule, //...)",
    "attr(srcs, t301, //...)",
    "filter(t301, //...)",
    "//p3/... union //...",
    "//... intersect deps(//...)",
    "//... except kind(filegroup, //...)",
)


def main() -> None:
    given = arguments(__doc__, targets=100_000, runs=3)
    workspace = given.folder / f"query-{given.targets}"
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.rmtree(store_of(workspace), ignore_errors=True)
    generate(workspace, given.targets)
    rows: list[tuple[str, Run, float | None]] = [("//..., all of it parsed", lkbuild(workspace, "query", "//..."), None)]
    for expression in QUERIES:
        runs = [lkbuild(workspace, "query", expression) for _ in range(given.runs)]
        rows.append((expression, best(runs), BUDGET.get(given.targets)))
    report(f"queries, {given.targets} targets", rows)


if __name__ == "__main__":
    main()
