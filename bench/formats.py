"""formats.py: every format of an image: how large it is, how long it takes to write, whether its bytes repeat, and whether it boots.

Prints one table. Times are those of the actions that make the format from kernel and initrd, run one after another; `--check` runs all of
them a second time and compares, which is where they come from. Boots are those of the format's own test, emulated (TCG): what is cached is
not booted again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from boots import measured

#: Formats whose test has another name, or that are another's bytes.
TESTS = {"kernel+squashfs": "squashfs-root", "kernel+erofs": "erofs-root", "kernel+iso": "cdrom-root"}
ARCH = {"ipl": "s390x", "iso-ipl": "s390x"}
#: Of these, what is booted is something else: why they have no row of a boot.
TOLD = {
    "tar": "no medium: a root to unpack",
    "oci": "no medium: a container image",
    "docker": "no medium: a container image",
    "tar-kernel-initrd": "no medium: `kernel+initrd`, packed",
    "gcp": "`raw-efi` in an archive, compared by a test",
    "ipl": "by `iso-ipl`",
}


def lkbuild(*arguments: str) -> str:
    """What a command says."""
    done = subprocess.run(["lkbuild", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"lkbuild {' '.join(arguments)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def seconds(target: str, flags: list[str]) -> dict[str, float]:
    """How long each action of the target took, run again."""
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events")
        lkbuild("build", "--check", "-j1", *flags, "--events", str(events), target)
        lines = map(json.loads, events.read_text(encoding="utf-8").splitlines())
        return {line["action"]: line["seconds"] for line in lines if line["event"] == "action" and line["source"] == "executed"}


def formats(image: str, flags: list[str]) -> list[str]:
    """The names of the image's formats, kernel and initrd first."""
    known = lkbuild("help", "formats").splitlines()
    names = dict.fromkeys(line.split()[0][1:] for line in known if line.startswith("  ."))  # a package has `oci`, too
    return [name for name in names if name == "kernel+initrd" or has(f"{image}.{name}", flags)]


def bytes_of(path: Path) -> int:
    """Of a file, or of all files below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size


def has(target: str, flags: list[str]) -> bool:
    """Whether there is such an output."""
    return subprocess.run(["lkbuild", "build", "--dry-run", *flags, target], capture_output=True, check=False).returncode == 0


def row(image: str, name: str, arch: str) -> str:
    """A format's line."""
    flags = ["--config", "quick", "--arch", arch]
    target = image if name == "kernel+initrd" else f"{image}.{name}"
    (built,) = json.loads(lkbuild("build", "--json", *flags, target))["targets"]
    size = sum(bytes_of(Path(output["path"])) for output in built["outputs"])
    plain = {} if name == "kernel+initrd" else seconds(image, flags)
    took = sum(value for action, value in seconds(target, flags).items() if action not in plain)
    package, _, short = image.partition(":")
    test = f"{image}-test" if name == "kernel+initrd" else f"{package}/tests:{short}-{TESTS.get(name, name)}-test"
    booted = TOLD.get(name)
    if booted is None:
        seen = measured(test, flags)
        booted = f"up {seen.kernel:.1f} s after the kernel's start, {seen.power:.1f} s after power-on"
    return f"| {name} | {arch} | {size / 1e6:.1f} | {took:.1f} | {booted} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image", nargs="?", default="//images:minimal", help="the image")
    image = parser.parse_args().image
    print("| format | for | MB | s | booted |\n|---|---|---|---|---|", flush=True)
    for arch in ("amd64", "s390x"):
        for name in formats(image, ["--config", "quick", "--arch", arch]):
            if arch == ARCH.get(name, "amd64"):
                print(row(image, name, arch), flush=True)


if __name__ == "__main__":
    main()
