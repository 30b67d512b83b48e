"""What a Raspberry Pi (3 and 4, 64 bits) starts from an SD card: a FAT partition with firmware, device trees, kernel, initrd, command line.

Runs inside the sandbox, with mtools and dosfstools. Sources: raspberrypi.com's config.txt documentation. Does not know the boards.
"""

from __future__ import annotations

import glob
import os

import disks
import kernels

#: The processor starts bootcode.bin (up to the 3), which starts start.elf; the 4 has the former in its EEPROM. fixup: how memory is shared.
FIRMWARE = ("bootcode.bin", "fixup.dat", "fixup4.dat", "start.elf", "start4.elf")
#: upstream_kernel: device trees are called as in Linux, not as in the vendor's kernel. enable_uart: a console on the pins.
CONFIG = "arm_64bit=1\nupstream_kernel=1\nenable_uart=1\nkernel=kernel8.img\ninitramfs initrd.img followkernel\n"


def disk(out: str) -> None:
    """A disk image for `dd`; its partition's files are also all that a formatted card needs."""
    files = {name: f"firmware/usr/lib/raspi-firmware/{name}" for name in FIRMWARE}
    files |= {"LICENCE.txt": "firmware/usr/share/doc/raspi-firmware/copyright"}
    trees = sorted(glob.glob("firmware/usr/lib/linux-image-*/broadcom/bcm2[78]*-rpi-*.dtb"))
    if not trees:
        raise SystemExit("the firmware's tree has no device trees: usr/lib/linux-image-*/broadcom/bcm2[78]*-rpi-*.dtb")
    files |= {os.path.basename(path): path for path in trees}
    kernels.plain("kernel", "/tmp/kernel8.img")
    with open("/tmp/config.txt", "w") as file:
        file.write(CONFIG)
    files |= {"kernel8.img": "/tmp/kernel8.img", "initrd.img": "initrd.img", "config.txt": "/tmp/config.txt", "cmdline.txt": "cmdline"}
    disks.mbr(out, disks.fat(out, files, offset=disks.FIRST))
