"""Saved file to new image, through a running `lkbuild watch`; the same behind a storm of events; a build beside it with nothing to do.

One image is small (Debian's kernel, init, busybox) plus what changes: an entry of `files`, and a service layer of 14 MB. The other is
//images:docker-desktop, where a line of one service's configuration changes. Time is taken from before the write to the line that
`watch` prints when the image is under lkbuild-out, so it holds the wait for more events (40 ms) as well. Of several saves the median
counts: each is other content, so none is a hit. Whatever runs for a save runs in the watch itself, so processor time is its own; MB is
the most that it had up to then.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any, Self

from measure import LKBUILD, Run, arguments, report, run

_REPOSITORY = Path(__file__).parent.parent
_QUICK = ("--config", "quick")
_SMALL = "//edited:image"
_DESKTOP = "//images:docker-desktop"
_MB = 1_000_000
_BUILD = """\
targets:
  service:
    rule: package
    layers: [//pkg/busybox]
    files:
      - {path: /service, source: service.bin, mode: "0755"}
    command: [/service]
  image:
    rule: image
    kernel: //kernel
    cmdline: console=ttyS0
    init: [//pkg/init, //pkg/crun]
    runtime: /usr/bin/crun
    services:
      - //edited:service
    files:
      - {path: /etc/motd, source: motd}
"""


def write_workspace(folder: Path) -> None:
    """The repository's workspace with one package more."""
    folder.mkdir(parents=True)
    shutil.copy2(_REPOSITORY / "BUILD.yaml", folder)
    for name in ("images", "kernel", "pkg", "rules"):
        shutil.copytree(_REPOSITORY / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "edited").mkdir()
    (folder / "edited/BUILD.yaml").write_text(_BUILD, encoding="utf-8")
    (folder / "edited/motd").write_text("hello\n", encoding="utf-8")
    write_service(folder, 0)


def write_service(folder: Path, seed: int) -> None:
    """14 MB that compress to about a half, as programs do."""
    source = random.Random(seed)  # noqa: S311 - the same bytes each time is the point
    content = b"".join(source.randbytes(8192) + source.randbytes(512) * 16 for _ in range(14 * _MB // 16384))
    save(folder / "edited/service.bin", content)


def save(path: Path, content: bytes) -> None:
    """As most editors and linkers do: beside it, then over it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


class Watch:
    """`lkbuild watch` on an image. The user's own store: what is fetched once need not be fetched for a bench."""

    def __init__(self, folder: Path, image: str) -> None:
        command = [str(LKBUILD), "watch", "--json", *_QUICK, image]
        # One pipe, read in order: two would have to be read at once.
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._next()
        self._until("watching ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)

    def after(self, path: Path, content: bytes, storm: Callable[[], None] = lambda: None) -> Run:
        """What it takes from before the save until the image is there; processor time is that of a storm before it, too."""
        used = self.cpu()
        storm()
        began = time.perf_counter()
        save(path, content)
        while not any(name.endswith("initrd.img") for name in self._next()["changed_outputs"]):
            pass  # a look at what may have been missed
        taken = time.perf_counter() - began
        return Run(taken, self.cpu() - used, self.memory())

    def cpu(self) -> float:
        """Seconds of processor time used so far, children that have ended included."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """The largest memory so far in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(text.partition("VmHWM:")[2].split()[0]) / 1024

    def _next(self) -> dict[str, Any]:
        """The next round that is told."""
        told: dict[str, Any] = json.loads(self._until("{"))
        if not told["ok"]:
            sys.exit(f"a round has failed: {told['errors']}")
        return told

    def _until(self, begin: str) -> str:
        """The next line that begins so."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(begin):
                return line
        sys.exit("`lkbuild watch` has ended")


Rows = list[tuple[str, Run, float | None]]


def small(folder: Path, saves: int, events: int) -> Rows:
    """Saves of the two things that change, and of the small one behind a storm."""
    motd, service = folder / "edited/motd", folder / "edited/service.bin"
    base = service.read_bytes()

    def storm() -> None:
        """By turns, for the kernel counts equal events in a row once. The contents stay: it is the looking that costs."""
        for index in range(events):
            os.utime((motd, service)[index % 2])

    with Watch(folder, _SMALL) as watch:
        entries = [watch.after(motd, f"hello {time.time_ns()}\n".encode()) for _ in range(saves)]
        layers = [watch.after(service, f"{time.time_ns()}".encode() + base) for _ in range(saves)]
        storms = [watch.after(motd, f"hello {time.time_ns()}\n".encode(), storm) for _ in range(saves)]
    return [
        ("files entry of an image", median(entries), 0.5),
        ("service layer of 14 MB", median(layers), 1.0),
        (f"files entry, behind {events} events", median(storms), None),
    ]


def desktop(folder: Path, saves: int) -> Rows:
    """A line of one service of docker-desktop; then builds from another terminal that have nothing to do."""
    file = folder / "pkg/dhcpcd/etc/dhcpcd.conf"
    text = file.read_text(encoding="utf-8")
    with Watch(folder, _DESKTOP) as watch:
        lines = [watch.after(file, f"{text}# {time.time_ns()}\n".encode()) for _ in range(saves)]
        beside = [str(LKBUILD), "-q", *_QUICK, _DESKTOP]
        run(beside, folder)
        time.sleep(10)  # it looks again until nothing moves; then it can answer from memory
        nothing = [run(beside, folder) for _ in range(saves)]
    return [("docker-desktop, a line of a service", median(lines), 0.5), ("docker-desktop, nothing, beside it", median(nothing), 0.02)]


def main() -> None:
    parsed = arguments(__doc__, saves=9, events=30_000)
    folder = parsed.folder / "watch"
    write_workspace(folder)
    rows = [*small(folder, parsed.saves, parsed.events), *desktop(folder, parsed.saves)]
    report(f"watch: saved file to new image, median of {parsed.saves}", rows)


def median(runs: list[Run]) -> Run:
    """The median of each figure."""
    return Run(*(statistics.median(column) for column in zip(*(astuple(item) for item in runs), strict=True)))


if __name__ == "__main__":
    main()
