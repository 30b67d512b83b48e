"""Firecracker and cloud-hypervisor, which are no part of Debian: used where the user has installed them.

Sources: Firecracker's docs/getting-started.md and swagger definition; cloud-hypervisor's docs. Pure.
"""

from __future__ import annotations

import json

from lkbuild.app.hypervisors.guest import Guest, Start
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class Firecracker:
    """One JSON file, no API socket. On amd64 its kernel is an ELF file, which the image's `microvm` has."""

    name: str = "firecracker"
    host: str = "linux"
    arches: tuple[str, ...] = ("amd64", "arm64")
    medium: str = "microvm"

    def start(self, guest: Guest) -> Start:
        """See Hypervisor."""
        guest.refuse(self.name, "shares", "publish")
        drives = [
            {"drive_id": f"disk{index}", "path_on_host": path, "is_root_device": False, "is_read_only": False}
            for index, path in enumerate(guest.disks)
        ]
        config: dict[str, object] = {
            "boot-source": {
                "kernel_image_path": guest.kernel,
                "initrd_path": guest.initrd,
                # A guest that reboots is one that ends: it has no firmware to start again.
                "boot_args": guest.with_console("ttyS0") + " reboot=k panic=1",
            },
            "machine-config": {"vcpu_count": guest.cpus, "mem_size_mib": guest.mem_mib},
            "drives": drives,
            "entropy": {},
        }
        if guest.vsock:
            config["vsock"] = {"guest_cid": guest.vsock, "uds_path": f"{guest.state}/vsock"}
        path = f"{guest.state}/firecracker.json"
        return Start(command=("firecracker", "--no-api", "--config-file", path), files={path: json.dumps(config, indent=1) + "\n"})


@dataclass(frozen=True, slots=True)
class CloudHypervisor:
    """Options on its command line; the guest's first serial port is the terminal."""

    name: str = "cloud-hypervisor"
    host: str = "linux"
    arches: tuple[str, ...] = ("amd64", "arm64")
    medium: str = ""

    def start(self, guest: Guest) -> Start:
        """See Hypervisor."""
        guest.refuse(self.name, "shares", "publish")
        command = ["cloud-hypervisor", "--kernel", guest.kernel, "--initramfs", guest.initrd]
        command += ["--cmdline", guest.with_console("ttyS0" if guest.arch == "amd64" else "ttyAMA0")]
        command += ["--cpus", f"boot={guest.cpus}", "--memory", f"size={guest.mem_mib}M"]
        command += ["--serial", "tty", "--console", "off", "--rng", "src=/dev/urandom"]
        if guest.disks:
            command += ["--disk", *(f"path={path}" for path in guest.disks)]
        if guest.vsock:
            command += ["--vsock", f"cid={guest.vsock},socket={guest.state}/vsock"]
        return Start(command=tuple(command))
