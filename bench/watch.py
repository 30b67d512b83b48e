"""Saved file to new image, through a running `lkbuild watch`: a changed entry of `files`, and a changed service layer of 14 MB.

The image is //images:minimal of this repository with Debian's kernel, plus the two things that change. Time is taken from before the
write to the line that `watch` prints when the image is under lkbuild-out, so it holds the wait for more events (40 ms) as well. Of
several saves the median counts: each is other content, so none is a hit.
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
from dataclasses import astuple
from pathlib import Path

from measure import LKBUILD, Run, arguments, report

_REPOSITORY = Path(__file__).parent.parent
_ENTRY = "files entry of an image"
_LAYER = "service layer of 14 MB"
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
    """`lkbuild watch` on the image."""

    def __init__(self, folder: Path, cache: list[str]) -> None:
        command = [str(LKBUILD), "watch", "--json", *cache, "--config", "quick", "//edited:image"]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._rounds = self._process.stdout
        for line in self._process.stderr:
            if line.startswith("watching "):
                break
        else:
            sys.exit("`lkbuild watch` has ended")
        self._next()

    def after(self, path: Path, content: bytes) -> Run:
        """What it takes from before the save until the image is there."""
        began, used = time.perf_counter(), self.cpu()
        save(path, content)
        told = self._next()
        taken = time.perf_counter() - began
        assert told["ok"], told["errors"]
        assert any(name.endswith("initrd.img") for name in told["changed_outputs"]), told["changed_outputs"]
        return Run(taken, self.cpu() - used, self.memory())

    def cpu(self) -> float:
        """Seconds of processor time used so far, children that have ended included."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """The largest memory so far in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(text.partition("VmHWM:")[2].split()[0]) / 1024

    def _next(self) -> dict[str, object]:
        return dict(json.loads(self._rounds.readline()))

    def end(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)


def main() -> None:
    parsed = arguments(__doc__, saves=9)
    folder = parsed.folder / "watch"
    write_workspace(folder)
    # The user's own store: what is fetched once need not be fetched for a bench.
    watch = Watch(folder, [])
    motd, service = folder / "edited/motd", folder / "edited/service.bin"
    entries = [watch.after(motd, f"hello {time.time_ns()}\n".encode()) for _ in range(parsed.saves)]
    base = service.read_bytes()
    layers = [watch.after(service, f"{time.time_ns()}".encode() + base) for _ in range(parsed.saves)]
    watch.end()
    rows: list[tuple[str, Run, float | None]] = [(_ENTRY, median(entries), 0.5), (_LAYER, median(layers), 1.0)]
    report(f"watch: saved file to new image, median of {parsed.saves}", rows)


def median(runs: list[Run]) -> Run:
    """The median of each figure."""
    return Run(*(statistics.median(column) for column in zip(*(astuple(item) for item in runs), strict=True)))


if __name__ == "__main__":
    main()
