"""`lkbuild run` of an image: a guest in QEMU with the caller's terminal as its console. Runs inside the sandbox.

KVM is used where a probe shows that it runs code, else emulation. Ctrl-A X ends the guest.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys

from machine import Direct, Machine, guest_boots_with_kvm

_PROBE_S = 20


def forward(text: str) -> tuple[int, int]:
    """HOST:GUEST, or one port for both."""
    host, _, guest = text.partition(":")
    return int(host), int(guest or host)


def disk(text: str) -> str:
    """PATH[,size=N]: make a sparse file where there is none."""
    path, _, options = text.partition(",size=")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.truncate(size(options or "2G"))
    return path


def size(text: str) -> int:
    """Bytes of 512M, 2G or a plain number."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}.get(text[-1:].upper())
    return int(text[:-1]) * factor if factor else int(text)


def qemu_takes_kvm(machine: Machine) -> bool:
    """Whether QEMU can set up this machine's processors by KVM.

    KVM may run code and still refuse a register that it says it has, at which QEMU aborts (seen where KVM is nested: MSR 0x10a).
    """
    bare = dataclasses.replace(machine, disks=[], forward=[])
    command = bare.command(accelerator="kvm", console=["-monitor", "stdio"], extra=["-S"])
    try:
        ended = subprocess.run(command, input=b"quit\n", capture_output=True, check=False, timeout=_PROBE_S)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def main() -> None:
    """Become QEMU."""
    parser = argparse.ArgumentParser()
    for name in ("arch", "kernel", "initrd", "cmdline"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--mem", default="1G")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--publish", type=forward, action="append", default=[])
    parser.add_argument("--disk", type=disk, action="append", default=[])
    options = parser.parse_args()
    with open(options.cmdline) as file:
        cmdline = file.read().strip()
    machine = Machine(
        arch=options.arch,
        boot=Direct(options.kernel, options.initrd, cmdline),
        mem=options.mem,
        cpus=options.cpus,
        disks=options.disk,
        forward=options.publish,
        isolated=False,
    )
    accelerator = "kvm" if guest_boots_with_kvm(options.arch) and qemu_takes_kvm(machine) else "tcg"
    console = ["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "chardev=console,mode=readline"]
    command = machine.command(accelerator=accelerator, console=console, extra=["-no-reboot"])
    print(f"lkbuild: {options.arch} guest, {accelerator}; Ctrl-A X ends it", file=sys.stderr, flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
