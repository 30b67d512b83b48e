"""Boot what is on a Raspberry Pi's card in QEMU's Pi, until init says that all is up. QEMU has none of the board's own firmware.

    rpi.py FILE...    the card's files, by name

Ends with 0 where it comes up; what its console says is the log.
"""

import os
import subprocess
import sys

UP = '"event":"up"'


def main() -> None:
    """Boot it."""
    files = {os.path.basename(path): path for path in sys.argv[1:]}
    with open(files["cmdline.txt"]) as file:
        cmdline = file.read().strip()
    command = ["qemu-system-aarch64", "-machine", "raspi3b", "-display", "none", "-no-reboot", "-serial", "null", "-serial", "stdio"]
    command += ["-dtb", files["bcm2837-rpi-3-b.dtb"], "-kernel", files["kernel8.img"], "-initrd", files["initrd.img"], "-append", cmdline]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as guest:
        assert guest.stdout is not None
        for line in guest.stdout:
            sys.stdout.write(line)
            if UP in line:
                guest.kill()
                return
    sys.exit("it has ended, and was not up")


if __name__ == "__main__":
    main()
