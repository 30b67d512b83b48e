"""What a start of the sandbox costs, and what of it each part of the plan: many starts of `sh -c :`, by turns with a part left out.

Without that part it is no sandbox: this only says what there would be to gain. The root is this machine's /usr. The peer is the command
alone. Divide by `--starts` for one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from measure import Run, arguments, best, report, run

from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import find_bwrap
from lkbuild.sandbox.folders import read_root
from lkbuild.sandbox.plan import plan
from lkbuild.sandbox.seccomp import program

ROOT = Path("/")
COMMAND = ("/bin/sh", "-c", ":")
ALL = "the sandbox"
ALONE = "the command alone"
#: The descriptor of the program of refused calls; bubblewrap reads it to its end, so each start opens it.
REFUSED = 9
#: Options of bubblewrap with their operands, as they are left out.
PARTS: dict[str, list[tuple[str | None, ...]]] = {
    "without its network": [("--unshare-net",)],
    "without --disable-userns": [("--disable-userns",)],
    "without accounts": [("--ro-bind", None, "/etc/passwd"), ("--ro-bind", None, "/etc/group")],
    "without read-only /proc, /dev, /": [("--remount-ro", None)],
    "without refused calls": [("--seccomp", None)],
    "without /dev": [("--dev", None), ("--perms", "1777"), ("--tmpfs", None), ("--remount-ro", "/dev")],
}


def options_of(folder: Path) -> list[str]:
    """The plan of an action whose root is this machine's /usr."""
    work, temporary = folder / "work", folder / "tmp"
    for made in (work, temporary):
        made.mkdir(parents=True, exist_ok=True)
    listing = read_root(ROOT)
    listing = replace(listing, top=tuple(entry for entry in listing.top if entry.name in {"bin", "lib", "lib64", "usr"}), etc=())
    request = SandboxRun(arguments=COMMAND, environment=(), root=ROOT, mounts=(), work=work, log=folder / "log", timeout_s=60)
    return ["--seccomp", str(REFUSED), *plan(request, listing, temporary)]


def without(options: list[str], parts: Iterable[tuple[str | None, ...]]) -> list[str]:
    """The options but those that match a part; None matches any operand."""
    kept: list[str] = []
    at = 0
    while at < len(options):
        found = next((part for part in parts if _matches(options[at : at + len(part)], part)), None)
        if found is None:
            kept.append(options[at])
        at += len(found or " ")
    return kept


def _matches(words: list[str], part: tuple[str | None, ...]) -> bool:
    return len(words) == len(part) and all(wanted in (None, word) for word, wanted in zip(words, part, strict=True))


def starts(command: list[str], count: int, folder: Path) -> Run:
    """So many starts by a shell, one after the other."""
    file = folder / "refused"
    file.write_bytes(program())
    line = f"{shlex.join(command)} {REFUSED}<{shlex.quote(str(file))}"
    return run(["sh", "-ec", f"i=0; while [ $i -lt {count} ]; do {line}; i=$((i+1)); done"], folder)


def main() -> None:
    given = arguments(__doc__, starts=200, runs=4)
    bwrap, options = str(find_bwrap()), options_of(given.folder)
    commands = {ALL: [bwrap, *options]}
    commands |= {name: [bwrap, *without(options, parts)] for name, parts in PARTS.items()}
    commands[ALONE] = list(COMMAND)
    measured: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(given.runs):
        for name, command in commands.items():
            measured[name].append(starts(command, given.starts, given.folder))
    report(f"{given.starts} starts of the sandbox", [(name, best(runs), None) for name, runs in measured.items()], peer=ALONE)


if __name__ == "__main__":
    main()
