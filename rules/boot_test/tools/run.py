"""`lkbuild run` of an image: a guest in QEMU with the caller's terminal as its console. Runs inside the sandbox.

KVM is used where a probe shows that it runs code, else emulation. Ctrl-A X ends the guest.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import time

from machine import Direct, Machine, guest_boots_with_kvm

_PROBE_S = 20
_PATIENCE = "lkbuild.patience=10"  # of init in a guest of another architecture (docs/format/image.md)
#: The number that Docker's socket has in the guest.
DOCKER = 2375


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


def native() -> str:
    """The architecture of this machine."""
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def qemu_takes_kvm(machine: Machine) -> bool:
    """Whether QEMU can set up this machine's processors by KVM.

    KVM may run code and still refuse a register that it says it has, at which QEMU aborts (seen where KVM is nested: MSR 0x10a).
    """
    bare = dataclasses.replace(machine, disks=[], forward=[], link="")
    command = bare.command(accelerator="kvm", console=["-monitor", "stdio"], extra=["-S"])
    try:
        ended = subprocess.run(command, input=b"quit\n", capture_output=True, check=False, timeout=_PROBE_S)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def share(text: str) -> tuple[str, str]:
    """FOLDER,tag=NAME."""
    path, _, tag = text.partition(",tag=")
    return path, tag


def helper(name: str, socket: str, *words: str) -> str:
    """Start a program of the run tools, whose libraries are not those of this root; returns its socket when that is there."""
    library = f"run_tools/usr/lib/{os.uname().machine}-linux-gnu"
    loader = next(f"{library}/{entry}" for entry in sorted(os.listdir(library)) if entry.startswith("ld-linux"))
    child = subprocess.Popen(
        [loader, "--library-path", f"{library}:{library}/swtpm", f"run_tools/{name}", *words], stdin=subprocess.DEVNULL
    )
    while not os.path.exists(socket):
        if child.poll() is not None:
            sys.exit(f"lkbuild: {name} ended with {child.returncode}")
        time.sleep(0.02)
    return socket


def shares(folders: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A server for each shared folder. It can't confine itself further: it is in the sandbox, where a user has no namespaces."""
    words = ["--sandbox=none", "--seccomp=none", "--log-level=error"]
    # What belongs to who runs this belongs to root in the guest.
    words += [f"--translate-uid=map:0:{os.getuid()}:1", f"--translate-gid=map:0:{os.getgid()}:1"]
    return [
        (helper("usr/libexec/virtiofsd", socket, f"--shared-dir={path}", f"--socket-path={socket}", *words), tag)
        for socket, (path, tag) in ((f"/tmp/share{index}", folder) for index, folder in enumerate(folders))
    ]


def tpm(folder: str) -> str:
    """A TPM with its state in the folder."""
    socket = "/tmp/tpm"
    return helper("usr/bin/swtpm", socket, "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--ctrl", f"type=unixio,path={socket}")


#: The code and the variables of UEFI firmware, by architecture.
FIRMWARE = {
    "amd64": ("firmware/usr/share/OVMF/OVMF_CODE_4M.fd", "firmware/usr/share/OVMF/OVMF_VARS_4M.fd"),
    "arm64": ("firmware/usr/share/AAVMF/AAVMF_CODE.fd", "firmware/usr/share/AAVMF/AAVMF_VARS.fd"),
}


def link(sockets: list[tuple[str, int]]) -> str:
    """The host's end of what //pkg/host is the guest's of. It ends with QEMU."""
    path = "/tmp/link"
    words = [f"--socket={place}:{number}" for place, number in sockets]
    child = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "link.py"), path, *words], stdin=subprocess.DEVNULL)
    while not os.path.exists(path):
        if child.poll() is not None:
            sys.exit(f"lkbuild: the link to the guest ended with {child.returncode}")
        time.sleep(0.02)
    return path


def socket_of(text: str) -> tuple[str, int]:
    """PATH[,port=N]: where a socket is to be, and the guest's number for it."""
    path, _, number = text.partition(",port=")
    return path, int(number or DOCKER)


def uefi(arch: str) -> tuple[str, str]:
    """The firmware, with variables that this run may change."""
    code, variables = FIRMWARE[arch]
    return code, shutil.copyfile(variables, "/tmp/efi-variables.fd")


def cidata(text: str) -> str:
    """A folder with user data as cloud-init's NoCloud has it."""
    os.mkdir("/tmp/cidata")
    for name, content in (("meta-data", "instance-id: lkbuild-run\n"), ("user-data", text)):
        with open(f"/tmp/cidata/{name}", "w") as file:
            file.write(content)
    return "/tmp/cidata"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    for name in ("arch", "kernel", "initrd", "cmdline"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--mem", default="1G")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--publish", type=forward, action="append", default=[])
    parser.add_argument("--disk", type=disk, action="append", default=[])
    parser.add_argument("--share", type=share, action="append", default=[])
    parser.add_argument("--socket", type=socket_of, action="append", default=[])
    parser.add_argument("--vsock", type=int, default=0)
    for name in ("clock", "data", "tpm", "uefi"):
        parser.add_argument(f"--{name}", default="")
    return parser.parse_args()


def main() -> None:
    """Become QEMU."""
    options = parse()
    with open(options.cmdline) as file:
        cmdline = file.read().strip()
    if options.arch != native() and "lkbuild.patience=" not in cmdline:
        cmdline = f"{cmdline} {_PATIENCE}"
    if options.vsock and not os.path.exists("/dev/vhost-vsock"):
        sys.exit("lkbuild: --vsock needs /dev/vhost-vsock, which this machine does not have or this user can't open")
    if options.tpm and options.arch not in ("amd64", "arm64"):
        sys.exit(f"lkbuild: QEMU's {options.arch} machine has no place for a TPM")
    machine = Machine(
        arch=options.arch,
        boot=Direct(options.kernel, options.initrd, cmdline),
        mem=options.mem,
        cpus=options.cpus,
        disks=options.disk,
        forward=options.publish,
        isolated=False,
        vsock=options.vsock,
        firmware=uefi(options.arch) if options.uefi else None,
        data=cidata(options.data) if options.data else "",
        clock=options.clock,
    )
    accelerator = "kvm" if guest_boots_with_kvm(options.arch) and qemu_takes_kvm(machine) else "tcg"
    machine.shares = shares(options.share)
    machine.tpm = tpm(options.tpm) if options.tpm else ""
    machine.link = link(options.socket)
    console = ["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "chardev=console,mode=readline"]
    command = machine.command(accelerator=accelerator, console=console, extra=["-no-reboot"])
    print(f"lkbuild: {options.arch} guest, {accelerator}; Ctrl-A X ends it", file=sys.stderr, flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
