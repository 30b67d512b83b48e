"""Windows: Hyper-V, by its PowerShell module. A machine of generation 2, which its firmware starts from a disc.

Source: the Hyper-V module's reference (New-VM, Set-VMFirmware, Set-VMComPort). Pure.
"""

from __future__ import annotations

from lkbuild.app.hypervisors.guest import Guest, Start
from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True)
class HyperV:
    """One script: a machine of the same name is replaced. Its serial port is a named pipe."""

    name: str = "hyperv"
    host: str = "win32"
    arches: tuple[str, ...] = ("amd64",)
    medium: str = "iso-efi"

    def start(self, guest: Guest) -> Start:
        """See Hypervisor."""
        guest.refuse(self.name, "publish", "shares", "vsock")
        name = quoted(guest.name)
        lines = [
            "$ErrorActionPreference = 'Stop'",
            f"Get-VM -Name {name} -ErrorAction SilentlyContinue | Stop-VM -TurnOff -Force -Passthru | Remove-VM -Force",
            f"New-VM -Name {name} -Generation 2 -NoVHD -MemoryStartupBytes {guest.mem_mib}MB -SwitchName 'Default Switch' | Out-Null",
            f"Set-VM -Name {name} -ProcessorCount {guest.cpus} -AutomaticCheckpointsEnabled $false",
            # The unified kernel image is not signed by Microsoft.
            f"Set-VMFirmware -VMName {name} -EnableSecureBoot Off",
            f"Add-VMDvdDrive -VMName {name} -Path {quoted(guest.medium)}",
            *(f"Add-VMHardDiskDrive -VMName {name} -Path {quoted(path)}" for path in guest.disks),
            f"Set-VMFirmware -VMName {name} -FirstBootDevice (Get-VMDvdDrive -VMName {name})",
            f"Set-VMComPort -VMName {name} -Number 1 -Path {quoted(chr(92) * 2 + '.' + chr(92) + 'pipe' + chr(92) + guest.name)}",
            f"Start-VM -Name {name}",
        ]
        path = f"{guest.state}/start.ps1"
        command = ("powershell", "-NoProfile", "-ExecutionPolicy", "Bypass", "-File", path)
        return Start(command=command, files={path: "\n".join(lines) + "\n"})


def quoted(text: str) -> str:
    """A literal of PowerShell: nothing in it is expanded."""
    return "'" + text.replace("'", "''") + "'"
