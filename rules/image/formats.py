"""The formats of an image: what each is for, what it is made of, and which architectures have it. Data only."""

from __future__ import annotations

from typing import Final

from lkbuild.base.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format that one tool makes as one file.

    Attributes:
        ending: of the file's name, after the image's.
        arches: that have it.
        doc: what it is for.
        base: what it is made of: `image` (kernel, initrd and command line), or another format.
        also: as well as `base`.
        same: it is what `base` is, under another name.
        builder: the architecture that its tools run on, where they run on one alone.
    """

    ending: str
    doc: str
    arches: tuple[str, ...] = ("amd64", "arm64", "riscv64", "s390x")
    base: str = "image"
    also: tuple[str, ...] = ()
    same: bool = False
    builder: str = ""


_EFI: Final = ("amd64", "arm64")
_BIOS: Final = ("amd64",)
_IPL: Final = ("s390x",)
#: syslinux comes as a program of amd64.
_SYSLINUX: Final = "amd64"

FORMATS: Final = {
    "uki": Format(ending=".efi", arches=_EFI, doc="one EFI program: systemd's stub, kernel, initrd, command line"),
    "raw-efi": Format(ending="-efi.img", arches=_EFI, base="uki", doc="a disk with GPT and an EFI system partition"),
    "raw-bios": Format(ending="-bios.img", arches=_BIOS, builder=_SYSLINUX, doc="a disk with MBR, FAT and syslinux"),
    "iso-efi": Format(ending="-efi.iso", arches=_EFI, base="uki", doc="a CD-ROM for UEFI"),
    "iso-bios": Format(ending="-bios.iso", arches=_BIOS, builder=_SYSLINUX, doc="a CD-ROM, or a disk, for the BIOS"),
    "iso": Format(
        ending=".iso",
        arches=_BIOS,
        builder=_SYSLINUX,
        base="uki",
        also=("image",),
        doc="a CD-ROM, or a disk, for both; it holds kernel and initrd once",
    ),
    "qcow2-efi": Format(ending="-efi.qcow2", arches=_EFI, base="raw-efi", doc="`raw-efi` for QEMU, OpenStack"),
    "qcow2-bios": Format(ending="-bios.qcow2", arches=_BIOS, builder=_SYSLINUX, base="raw-bios", doc="`raw-bios` for QEMU, OpenStack"),
    "vmdk": Format(ending=".vmdk", arches=_BIOS, builder=_SYSLINUX, base="raw-bios", doc="`raw-bios` for VMware, stream-optimised"),
    "vhd": Format(ending=".vhd", arches=_EFI, base="raw-efi", doc="`raw-efi` for Hyper-V (generation 2): a fixed VHD"),
    "dynamic-vhd": Format(ending="-dynamic.vhd", arches=_EFI, base="raw-efi", doc="`raw-efi` for Hyper-V (generation 2): a VHD that grows"),
    "aws": Format(ending="-aws.img", arches=_EFI, base="raw-efi", same=True, doc="`raw-efi` for Amazon EC2 (boot mode uefi)"),
    "azure": Format(ending="-azure.vhd", arches=_EFI, base="vhd", same=True, doc="`vhd` for Azure (generation 2): a multiple of 1 MiB"),
    "gcp": Format(
        ending=".tar.gz", arches=_EFI, base="raw-efi", doc="`raw-efi` for Google Cloud: disk.raw, a whole number of GiB, in a gzipped tar"
    ),
    "ipl": Format(
        ending=".ipl", arches=_IPL, doc="kernel, command line and initrd as one piece, which a machine loads at address 0 and starts"
    ),
    "iso-ipl": Format(
        ending="-ipl.iso", arches=_IPL, base="ipl", doc="a CD-ROM with that piece, for QEMU's firmware and, by its .ins file, for an LPAR"
    ),
    "tar-kernel-initrd": Format(ending="-initrd.tar", doc="kernel, initrd.img and cmdline in a tar"),
    "docker": Format(ending=".docker.tar", base="tar", doc="an archive for `docker load`, with /init as its entry point"),
}

#: Formats of several files in a folder, without what firmware needs: QEMU, Firecracker and others load the kernel themselves.
ROOTS: Final = {
    "kernel+squashfs": "kernel, command line, and the root as a squashfs on a disk, which leaves the memory free; an initrd that finds it",
    "kernel+erofs": "the same as an EROFS",
    "kernel+iso": "the same as an EROFS on a CD-ROM",
}
#: Disks for UEFI whose root is a partition, checked by dm-verity.
DISKS: Final = {
    "disk": "a disk for UEFI: kernel and initrd as one EFI program, the root as an EROFS on a partition, every block of it checked against "
    "the command line (dm-verity); with `slots:` two of each, one of which can be updated",
    "update": "with `slots:`, what `slot update` writes to the slot of such a disk that does not run; to be signed",
}
PARTS: Final = {
    "kernel+initrd": "the default outputs: kernel, initrd.img, cmdline",
    "tar": "the root as one tar, with /boot/kernel and /boot/cmdline",
    "oci": "the tar as an OCI image layout; of several architectures, one layout with an index",
    **ROOTS,
    "microvm": "for Firecracker, QEMU's microvm and cloud-hypervisor: the kernel uncompressed (amd64: an ELF file with PVH's entry), "
    "initrd.img, cmdline",
}


def documented() -> dict[str, str]:
    """Every format with what it is for, and which architectures have it where not all do."""
    every = {form: f"{row.doc} ({', '.join(row.arches)})" if len(row.arches) < 4 else row.doc for form, row in FORMATS.items()}
    rpi = {"rpi": "an SD card of a Raspberry Pi 3 or 4, with `rpi_firmware:` (arm64)"}
    disks = {form: f"{doc} ({', '.join(_EFI)})" for form, doc in DISKS.items()}
    return {**PARTS, **every, **disks, **rpi}
