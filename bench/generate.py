"""Writes one graph twice: as a workspace of lkbuild, and as a build.ninja for its peer.

`targets` genrules in packages of 100, each of which copies one source file; every package has a filegroup whose glob matches the
sources, so that the cost of noticing new files is part of what is measured. The same commands, the same number of files.

    python bench/generate.py FOLDER --targets 10000
"""

from __future__ import annotations

import argparse
from pathlib import Path

PACKAGE = 100


def generate(folder: Path, targets: int, package: int = PACKAGE) -> None:
    """Write BUILD.yaml files of `package` targets each, sources and build.ninja below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "BUILD.yaml").write_text("workspace:\n  name: bench\n", encoding="utf-8")
    ninja = ["rule copy", "  command = cat $in > $out", ""]
    for start in range(0, targets, package):
        names = [f"t{number}" for number in range(start, min(start + package, targets))]
        place = f"p{start // package}"
        _package(folder / place, names)
        ninja += [f"build ninja-out/{place}/{name}.out: copy {place}/{name}.txt" for name in names]
    (folder / "build.ninja").write_text("\n".join(ninja) + "\n", encoding="utf-8")


def generate_chain(folder: Path, steps: int) -> None:
    """Write genrules s0, s1, ..., each of which copies what the one before made; the first one copies foot.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "foot.txt").write_text("foot\n", encoding="utf-8")
    lines = ["workspace: {name: bench}", "targets:"]
    ninja = ["rule copy", "  command = cat $in > $out", ""]
    for step in range(steps):
        source = f'":s{step - 1}"' if step else "foot.txt"
        lines.append(f"  s{step}: {{rule: genrule, srcs: [{source}], outs: [s{step}.out], cmd: cat $SRCS > $OUT}}")
        ninja.append(f"build ninja-out/s{step}: copy {f'ninja-out/s{step - 1}' if step else 'foot.txt'}")
    (folder / "BUILD.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "build.ninja").write_text("\n".join(ninja) + "\n", encoding="utf-8")


def _package(folder: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    lines = ["targets:", "  sources:", "    rule: filegroup", "    srcs: {glob: ['*.txt']}"]
    for name in names:
        (folder / f"{name}.txt").write_text(f"content of {name}\n", encoding="utf-8")
        lines += [f"  {name}:", "    rule: genrule", f"    srcs: [{name}.txt]", f"    outs: [{name}.out]", "    cmd: cat $SRCS > $OUT"]
    (folder / "BUILD.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--targets", type=int, default=10_000)
    arguments = parser.parse_args()
    generate(arguments.folder, arguments.targets)


if __name__ == "__main__":
    main()
