"""What an edit costs: a source at the foot of a chain, one of many sources, one of many BUILD.yaml, one line of a large one.

Ninja takes the same edits of sources.

Each by the ordinary way, and one source of many also through `lkbuild watch`, which has the workspace in memory. Of several edits the
best counts: each is other content, so none is a hit. The first of a row is not counted: it makes what the next ones rest on.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from cold import build
from generate import generate, generate_chain
from measure import LKBUILD, Run, arguments, best, lkbuild, ninja, report, run, seeded_store, store_of

Rows = list[tuple[str, Run, float | None]]


#: Seconds after which a watch that has answered has looked at everything once more, and answers from memory.
SETTLED_S = 10


def edits(count: int, edit: Callable[[str], object], measured: Callable[[], Run], pause_s: float = 0) -> Run:
    """The best run after each of some edits, each so long after the run before."""
    runs = []
    for _ in range(count + 1):
        time.sleep(pause_s)
        edit(f"{time.time_ns()}\n")
        runs.append(measured())
    return best(runs[1:])


def chain(folder: Path, steps: int, count: int) -> Rows:
    """A chain of actions, each of which takes the output of the one before."""
    workspace = folder / f"chain-{steps}"
    shutil.rmtree(workspace, ignore_errors=True)
    generate_chain(workspace, steps)
    seeded_store(workspace)
    foot = workspace / "foot.txt"
    ours = edits(count, foot.write_text, lambda: lkbuild(workspace, "-q", f"//:s{steps - 1}"))
    peer = edits(count, foot.write_text, lambda: run([ninja()], workspace))
    return [(f"chain of {steps}, lkbuild", ours, 1.0 if steps == 100 else None), (f"chain of {steps}, ninja", peer, None)]


def one_of_many(workspace: Path, count: int) -> Rows:
    """One source of a workspace that bench/cold.py has built; and the command of one target, in one of its packages."""
    source, package = workspace / "p0/t0.txt", workspace / "p0/BUILD.yaml"
    ours = edits(count, source.write_text, lambda: lkbuild(workspace, "-q", "//..."))
    text = package.read_text(encoding="utf-8")
    other: Callable[[str], object] = lambda mark: package.write_text(  # noqa: E731 - as the others
        text.replace("> $OUT", f"> $OUT && echo {mark.strip()} >> $OUT", 1), encoding="utf-8"
    )
    command = edits(count, other, lambda: lkbuild(workspace, "-q", "//..."))
    package.write_text(text, encoding="utf-8")
    with Watching(workspace):
        beside = edits(count, source.write_text, lambda: lkbuild(workspace, "-q", "//..."), SETTLED_S)
        lkbuild(workspace, "-q", "//...")
        time.sleep(SETTLED_S)
        nothing = best([lkbuild(workspace, "-q", "//...") for _ in range(10)])
    peer = edits(count, source.write_text, lambda: run([ninja()], workspace))
    return [
        ("one source, lkbuild", ours, None),
        ("one target's command, lkbuild", command, None),
        ("one source, beside a watch", beside, None),
        ("one source, ninja", peer, None),
        ("nothing, beside a watch", nothing, 0.02),
    ]


def one_file(folder: Path, targets: int, count: int) -> Rows:
    """One line of the BUILD.yaml of a package, beside a package that is not touched."""
    workspace = folder / f"large-{targets}"
    shutil.rmtree(workspace, ignore_errors=True)
    generate(workspace, 2 * targets, package=targets)
    seeded_store(workspace)
    file = workspace / "p0/BUILD.yaml"
    lkbuild(workspace, "-q", "//p0:t0", "//p1:t" + str(targets))
    text = file.read_text(encoding="utf-8")
    edit: Callable[[str], object] = lambda mark: file.write_text(f"{text}# {mark}", encoding="utf-8")  # noqa: E731 - as the others
    ours = edits(count, edit, lambda: lkbuild(workspace, "-q", "//p0:t0", "//p1:t" + str(targets)))
    return [(f"a BUILD.yaml of {targets} targets, lkbuild", ours, None)]


class Watching:
    """A watch of one target of the workspace; processor time of what it does for others is its own and not measured."""

    def __init__(self, workspace: Path) -> None:
        command = [str(LKBUILD), "watch", "--cache", str(store_of(workspace)), "//p0:t1"]
        self._process = subprocess.Popen(command, cwd=workspace, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def __enter__(self) -> None:
        assert self._process.stderr is not None
        next(line for line in self._process.stderr if line.startswith("watching "))

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate()


def main() -> None:
    given = arguments(__doc__, targets=1000, steps=100, edits=3)
    workspace = given.folder / f"trivial-{given.targets}"
    if not (workspace / "lkbuild-out").exists():
        build(given.folder, given.targets)
    run([ninja()], workspace)
    report(f"edits, chain of {given.steps}", chain(given.folder, given.steps, given.edits), peer=f"chain of {given.steps}, ninja")
    report(f"edits, {given.targets} targets", one_of_many(workspace, given.edits), peer="one source, ninja")
    report("edits, a large BUILD.yaml", one_file(given.folder, 2000, given.edits))


if __name__ == "__main__":
    main()
