"""boots.py: how long each image takes from power-on to all services up, and the memory that it uses then, as its own boot test saw it.

Prints one table: each image by what it is started from, with the kernel from source and with Debian's cloud kernel under the same services.
Guests are emulated (TCG), so a row alone is this machine's, and only the ratio of two figures carries over. A cached test is not run
again: its figures are those of the run that passed; `--store FOLDER` runs all of them in a store of their own. Names of images choose rows.

The editions' kernel from source (//kernel:linux-server) is a compile of its own, and booted with `--server` alone.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """An image, what it is started from, and the test that does it. `server`: its kernel from source is //kernel:linux-server."""

    image: str
    form: str
    test: str
    server: bool = False


@dataclass(frozen=True)
class Measured:
    """Seconds since the kernel started and since power-on, and KiB of memory, when all services were up."""

    kernel: float
    power: float
    memory: int


SERVICES = ("minimal", "linuxkit", "sshd", "wireguard", "docker-desktop")
MEDIA = ("raw-bios", "raw-efi", "iso-bios", "iso-efi", "iso", "squashfs-root", "erofs-root", "cdrom-root", "disk", "microvm")
ROOTS = ("squashfs", "erofs", "iso")
EDITIONS = {"docker-aws": "aws", "docker-azure": "azure", "docker-gcp": "raw-efi", "docker-hyperv": "vhd", "docker-baremetal": "iso"}
ROWS = (
    *(Row(image, "kernel+initrd", f"//images:{image}-test") for image in SERVICES),
    Row("docker-baremetal", "kernel+initrd", "//images:docker-baremetal-test", server=True),
    *(Row("minimal", form, f"//images/tests:minimal-{form}-test") for form in MEDIA),
    *(Row("linuxkit", form, f"//images/tests:linuxkit-{form}-memory-test") for form in ROOTS),
    *(Row(image, form, f"//images/tests:{image}-medium-test", server=True) for image, form in EDITIONS.items()),
)


def measured(test: str, flags: list[str]) -> Measured:
    """What the test reports of its first `up`."""
    command = ["lkbuild", "test", "--json", *flags, test]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    (told,) = json.loads(done.stdout)["targets"]
    lines = map(json.loads, Path(told["log"]).read_text(encoding="utf-8").splitlines())
    first = next(line for line in lines if line.get("kind") == "up")
    return Measured(first["guest_seconds"], first["wall_seconds"], first["memory_used_kib"])


def cells(ours: Measured | None, debian: Measured) -> list[str]:
    """Each figure with both kernels."""
    pairs = [(getattr(ours, name) if ours else None, getattr(debian, name)) for name in ("kernel", "power")]
    told = ["-" if own is None else f"{own:.1f}" for own, _ in pairs]
    memory = "-" if ours is None else f"{ours.memory / 1024:.0f}"
    return [*(f"{own} / {other:.1f}" for own, (_, other) in zip(told, pairs, strict=True)), f"{memory} / {debian.memory / 1024:.0f}"]


def main() -> None:
    """Print the table, a row when its two guests have been up."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", nargs="*", help="images whose rows are wanted; all of them without one")
    parser.add_argument("--server", action="store_true", help="compile and boot //kernel:linux-server, too")
    parser.add_argument("--store", help="a store of its own, so that every guest is booted now")
    arguments = parser.parse_args()
    flags = ["--arch", "amd64", *(["--cache", arguments.store] if arguments.store else [])]
    print("Each figure: kernel from source / Debian's cloud kernel.\n")
    print("| image | started from | kernel to up (s) | power-on to up (s) | memory at up (MiB) |\n|---|---|---|---|---|", flush=True)
    for row in ROWS:
        if arguments.images and row.image not in arguments.images:
            continue
        ours = measured(row.test, flags) if arguments.server or not row.server else None
        print("|", " | ".join([row.image, row.form, *cells(ours, measured(row.test, [*flags, "--config", "quick"]))]), "|", flush=True)


if __name__ == "__main__":
    main()
