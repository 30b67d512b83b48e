"""Boot media of an image: what firmware, hypervisors and clouds start, each an action made only when asked for.

A format is a row of the table; what it is made of is another format or the image itself, so that a disk and its qcow2 share their work.
Does not know how a medium is written: tools/media.py does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import Artifact, Inline, NamedArtifact
from lkbuild.model.rule import RuleContext

from ..providers import ImageInfo, ToolchainInfo

_OS_RELEASE: Final = "ID=lkbuild\nNAME=lkbuild\nPRETTY_NAME={name}\nVERSION_ID=1\nIMAGE_ID={name}\n"
_TOOLS: Final = ("media.py", "disks.py", "pe.py")


@dataclass(frozen=True, slots=True)
class Medium:
    """A format: its file's ending, the architectures that have it, what it is for, and the format that it is made of ("": the image)."""

    suffix: str
    arches: tuple[str, ...]
    doc: str
    base: str = ""


_BUILDER: Final = "amd64"
_EFI: Final = ("amd64",)  # the EFI stub of another architecture is a package of that architecture
_BIOS: Final = ("amd64",)
MEDIA: Final = {
    "uki": Medium(".efi", _EFI, "one EFI program: systemd's stub, kernel, initrd, command line"),
    "raw-efi": Medium(".img", _EFI, "a disk with GPT and an EFI system partition", "uki"),
    "raw-bios": Medium(".img", _BIOS, "a disk with MBR, FAT and syslinux"),
    "iso-efi": Medium(".iso", _EFI, "a CD-ROM for UEFI", "uki"),
    "iso-bios": Medium(".iso", _BIOS, "a CD-ROM, or a disk, for the BIOS"),
    "iso": Medium(".iso", _BIOS, "a CD-ROM, or a disk, for both; it holds kernel and initrd twice", "uki"),
    "qcow2-efi": Medium(".qcow2", _EFI, "`raw-efi` for QEMU, OpenStack", "raw-efi"),
    "qcow2-bios": Medium(".qcow2", _BIOS, "`raw-bios` for QEMU, OpenStack", "raw-bios"),
    "vmdk": Medium(".vmdk", _BIOS, "`raw-bios` for VMware, stream-optimised", "raw-bios"),
    "vhd": Medium(".vhd", _EFI, "`raw-efi` for Azure and Hyper-V (generation 2): a fixed VHD, a multiple of 1 MiB", "raw-efi"),
    "gcp": Medium(".tar.gz", _EFI, "`raw-efi` for Google Cloud: disk.raw, a whole number of GiB, in a gzipped tar", "raw-efi"),
}
MEDIA_DOC: Final = "\n".join(f"- `.{form}`: {medium.doc} ({', '.join(medium.arches)})" for form, medium in MEDIA.items())


def media(ctx: RuleContext, image: ImageInfo) -> dict[str, tuple[NamedArtifact, ...]]:
    """Output groups: every format that the architecture has. They are made on amd64: loaders come as packages of the builder."""
    if ctx.configuration.exec_arch != _BUILDER:
        return {}
    tools = ctx.require(ctx.attrs["media_tools"], ToolchainInfo, attr=("media_tools",), execution=True)
    cmdline = Inline((image.cmdline + "\n").encode())
    release = Inline(_OS_RELEASE.format(name=ctx.label.name).encode())
    parts = {"kernel": image.kernel, "initrd.img": image.initrd, "cmdline": cmdline, "os-release": release}
    made: dict[str, Artifact] = {}
    for form, medium in MEDIA.items():
        if image.arch in medium.arches:
            inputs = parts if not medium.base or form == "iso" else {}
            made[form] = _make(ctx, form, medium, tools.tree, {**inputs, **({"from": made[medium.base]} if medium.base else {})})
    return {form: (NamedArtifact(f"{ctx.label.name}{_middle(form)}{MEDIA[form].suffix}", artifact),) for form, artifact in made.items()}


def _middle(form: str) -> str:
    """`-bios` of `raw-bios`: what tells two files of one ending apart."""
    _, dash, kind = form.partition("-")
    return f"{dash}{kind}"


def _make(ctx: RuleContext, form: str, medium: Medium, root: Artifact, inputs: dict[str, Artifact]) -> Artifact:
    out = f"out/medium{medium.suffix}"
    (made,) = ctx.run(
        form,
        ["/usr/bin/python3", "tools/media.py", form, out],
        root=root,
        inputs=[
            *(Input(name, artifact) for name, artifact in inputs.items()),
            *(Input(f"tools/{name}", ctx.tool(name)) for name in _TOOLS),
        ],
        outputs=[DeclaredOutput(out)],
        environment={"ARCH": ctx.arch, "PYTHONDONTWRITEBYTECODE": "1"},
        message=f"{form} of {ctx.label.short}",
        resources=Resources(seconds=5),
    )
    return made
