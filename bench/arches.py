"""arches.py: sizes of kernel and initrd, and time and memory until all services are up, of images for each architecture.

Prints one table, a column for each architecture: with kernels from source, or with `--quick` with Debian's. Sizes are those of what is
built; the rest is what the images' boot tests saw, in guests that are emulated: a figure alone is this machine's, and is what its other
work made of it. A kernel from source that the store lacks is not compiled unless `--compile` says so: its architecture has no figures.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from boots import measured

ARCHES = ("amd64", "arm64", "riscv64", "s390x")
IMAGES = ("minimal", "linuxkit", "docker-desktop")


def lkbuild(*arguments: str) -> dict[str, object]:
    """What a command tells as JSON."""
    done = subprocess.run(["lkbuild", *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"lkbuild {' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    told: dict[str, object] = json.loads(done.stdout)
    return told


def has_kernel(flags: list[str]) -> bool:
    """Whether nothing must be compiled for the kernel."""
    (target,) = lkbuild("build", "--dry-run", *flags, "//kernel")["targets"]  # type: ignore[misc] # it is a list
    return bool(target["state"] == "up_to_date")


def column(images: list[str], flags: list[str]) -> list[str]:
    """The cells of an architecture."""
    kernel, initrds, ups = "", [], []
    for image in images:
        (target,) = lkbuild("build", *flags, f"//images:{image}")["targets"]  # type: ignore[misc] # it is a list
        size = {Path(output["path"]).name: output["size"] for output in target["outputs"]}
        kernel, initrds = f"{size['kernel'] / 1e6:.1f}", [*initrds, f"{size['initrd.img'] / 1e6:.1f}"]
        seen = measured(f"//images:{image}-test", flags)
        ups.append(f"{seen.kernel:.0f} s, {seen.memory / 1024:.0f} MiB")
    return [kernel, *initrds, *ups]


def main() -> None:
    """Print the table when all guests have been up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", nargs="*", default=IMAGES, help="images whose rows are wanted")
    parser.add_argument("--quick", action="store_true", help="Debian's kernels")
    parser.add_argument("--compile", action="store_true", help="compile kernels that the store lacks")
    arguments = parser.parse_args()
    config = ["--config", "quick"] if arguments.quick else []
    rows = ["kernel, MB", *(f"initrd of {image}, MB" for image in arguments.images), *(f"{image} up" for image in arguments.images)]
    columns = []
    for arch in ARCHES:
        flags = [*config, "--arch", arch]
        found = arguments.compile or arguments.quick or has_kernel(flags)
        columns.append(column(arguments.images, flags) if found else ["-"] * len(rows))
    print(f"| | {' | '.join(ARCHES)} |\n|---|{'---|' * len(ARCHES)}")
    for row, cells in zip(rows, zip(*columns, strict=True), strict=True):
        print(f"| {row} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
