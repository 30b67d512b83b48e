"""boots.py: how long each image takes from power-on to all services up, and the memory that it uses then, as its own boot test saw it.

Prints a table. Guests are emulated (TCG), so a row alone is this machine's, and only the ratio of two rows carries over. A cached test
is not run again: its figures are those of the run that passed.
"""

import json
import subprocess
import sys
from pathlib import Path

IMAGES = ("minimal", "linuxkit", "sshd", "wireguard", "docker-desktop", "docker-baremetal")
MEDIA = (
    ("docker-aws", "aws"),
    ("docker-azure", "azure"),
    ("docker-gcp", "raw-efi"),
    ("docker-hyperv", "vhd"),
    ("docker-baremetal", "iso"),
)


def measured(target: str) -> tuple[float, float, int]:
    """Seconds since the kernel started, seconds since power-on, and KiB of memory, when all services were up."""
    command = ["lkbuild", "test", "--config", "quick", "--arch", "amd64", "--json", target]
    (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["targets"]
    lines = map(json.loads, Path(told["log"]).read_text(encoding="utf-8").splitlines())
    first = next(line for line in lines if line.get("kind") == "up")
    return first["guest_seconds"], first["wall_seconds"], first["memory_used_kib"]


def main() -> None:
    """Print the table."""
    rows = [(name, "kernel+initrd", f"//images:{name}-test") for name in IMAGES]
    rows += [(name, form, f"//images/tests:{name}-medium-test") for name, form in MEDIA]
    print("| image | started from | kernel to up (s) | power-on to up (s) | memory at up (MiB) |\n|---|---|---|---|---|")
    for name, form, target in rows:
        guest, wall, memory = measured(target)
        print(f"| {name} | {form} | {guest:.1f} | {wall:.1f} | {memory / 1024:.0f} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
