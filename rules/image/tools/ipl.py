"""What an s390x machine loads at address 0 and starts (IPL): kernel, command line and initrd in one piece. Runs inside the sandbox.

Sources: Linux, arch/s390/include/asm/setup.h (what lies where), Documentation/arch/s390/; z/Architecture Principles of Operation, 4 (PSW).
Does not know how a machine finds the piece: by El Torito on a CD-ROM (iso.py), by a .ins file, from a server.
"""

from __future__ import annotations

import os
import shutil
import struct

MIB = 1 << 20
#: Begin, in 31-bit mode with I/O interrupts off, at the kernel's own entry. What Linux has at 0 reads itself from a tape or reader.
PSW = struct.pack(">II", 0x00080000, 0x80010000)
INITRD, LONGEST, CMDLINE = 0x10408, 0x10430, 0x10480  # initrd's address and size; how long a command line may be; the command line
ONCE = 896  # bytes of a command line, to kernels that don't say (before 5.16)
MAGIC = bytes.fromhex("0200001860000050 0200006860000050")  # the channel program that a kernel begins with; firmware looks for it


def load(out: str) -> None:
    """Write the piece from kernel, cmdline and initrd.img."""
    with open("kernel", "rb") as file:
        kernel = bytearray(file.read())
    with open("cmdline", "rb") as file:
        words = file.read().strip() + b"\0"
    if kernel[8:24] != MAGIC or len(kernel) < CMDLINE:
        raise SystemExit("the kernel is no s390x image: it does not begin with an initial program load")
    longest = struct.unpack_from(">Q", kernel, LONGEST)[0] or ONCE
    if len(words) > longest:
        raise SystemExit(f"the command line has {len(words)} bytes, the kernel takes {longest}")
    # As far behind the kernel as QEMU has it: what the kernel unpacks itself with lies there.
    at = (len(kernel) // MIB + 2) * MIB
    kernel[:8] = PSW
    struct.pack_into(">QQ", kernel, INITRD, at, os.path.getsize("initrd.img"))
    kernel[CMDLINE : CMDLINE + len(words)] = words
    with open(out, "wb") as file, open("initrd.img", "rb") as initrd:
        file.write(kernel)
        file.seek(at)
        shutil.copyfileobj(initrd, file)
