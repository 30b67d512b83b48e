"""cidata.py KIND OUT FILE...: a disk with the label cidata that holds the files: vfat or iso. The same files give the same bytes.

Runs inside the sandbox.
"""

import os
import shutil
import subprocess
import sys


def main() -> None:
    """Make it."""
    kind, out, *files = sys.argv[1:]
    os.mkdir("/tmp/disk")
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for file in files:
        place = "/tmp/disk/" + os.path.basename(file).partition(".")[2]  # one.user-data is user-data
        shutil.copyfile(file, place)
        os.utime(place, (epoch, epoch))
    os.utime("/tmp/disk", (epoch, epoch))
    if kind == "iso":
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "cidata", "-R", "-J", "-o", out, "/tmp/disk"], check=True)
        return
    with open(out, "wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mkfs.vfat", "--invariant", "-i", "43494441", "-n", "CIDATA", out], check=True)
    subprocess.run(["mcopy", "-m", "-i", out, *(f"/tmp/disk/{name}" for name in sorted(os.listdir("/tmp/disk"))), "::"], check=True)


if __name__ == "__main__":
    main()
