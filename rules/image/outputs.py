"""What every image hands out: kernel, initrd and command line, and how they are run in QEMU. Does not know how the initrd was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.base.errors import nearest
from lkbuild.model.action import ActionSpec, Input
from lkbuild.model.artifact import Inline, NamedArtifact
from lkbuild.model.providers import Files, OutputGroups, Runnable
from lkbuild.model.rule import RuleContext

from ..oci_layout import JOINT
from ..providers import ImageInfo, ToolchainInfo
from .media import media

_WITH_FIRMWARE: Final = {"uefi": "1: UEFI firmware starts the kernel"}
#: What an image must say for a format that not every one has.
_BRING: Final = {
    "rpi": "it needs the Raspberry Pi's firmware, which no image has by itself: rpi_firmware: //rules/toolchains:rpi, on arm64",
    "update": "it needs `slots:`",
}
_WITH_TOOLS: Final = {
    "share": "FOLDER[,tag=NAME]: a folder of this machine, for `mount -t virtiofs NAME` in the guest",
    "tpm": "FOLDER: a TPM 2.0 in software, which keeps its state there",
}


def outputs(ctx: RuleContext, image: ImageInfo) -> list[Any]:
    """The providers of an image whose rule has `qemu` and `media_tools`: where one is not set, it can't be run, or has no media."""
    files = _files(image)
    run = [_runnable(ctx, image)] if ctx.attrs["qemu"] is not None else []
    found = media(ctx, image) if ctx.attrs["media_tools"] is not None else {}
    groups = {"initrd": files[1:2], "kernel": files[:1], "kernel+initrd": files, **found}
    return [image, Files(files), OutputGroups({**groups, **_own(ctx, groups)}), *([JOINT] if found else []), *run]


def _own(ctx: RuleContext, groups: Mapping[str, tuple[NamedArtifact, ...]]) -> dict[str, tuple[NamedArtifact, ...]]:
    """The group of all formats that the image says are its own."""
    for index, name in enumerate(ctx.attrs["formats"]):
        if name not in groups:
            hint = _BRING.get(name) or nearest(name, groups) or f"here it has: {', '.join(groups)}"
            ctx.fail(f"no format '{name}' for {ctx.arch}", attr=("formats", index), hint=hint)
    own = [item for name in ctx.attrs["formats"] for item in groups[name]]
    return {"formats": tuple({item.name: item for item in own}.values())} if own else {}


def _files(image: ImageInfo) -> tuple[NamedArtifact, ...]:
    cmdline = Inline((image.cmdline + "\n").encode())
    return (NamedArtifact("kernel", image.kernel), NamedArtifact("initrd.img", image.initrd), NamedArtifact("cmdline", cmdline))


def _runnable(ctx: RuleContext, image: ImageInfo) -> Runnable:
    toolchain = ctx.require(ctx.attrs["qemu"], ToolchainInfo, attr=("qemu",), execution=True)
    spec = ActionSpec(
        arguments=(
            "/usr/bin/python3",
            "tools/run.py",
            f"--arch={image.arch}",
            "--kernel=kernel",
            "--initrd=initrd.img",
            "--cmdline=cmdline",
        ),
        inputs=(
            *(Input(item.name, item.artifact) for item in _files(image)),
            Input("tools/machine.py", ctx.tool("machine.py", rule="boot_test")),
            Input("tools/link.py", ctx.tool("link.py", rule="boot_test")),
            Input("tools/run.py", ctx.tool("run.py", rule="boot_test")),
        ),
        root=toolchain.tree,
        outputs=(),
        cacheable=False,
    )
    options = {
        "publish": "HOST:GUEST: forward a TCP port of this machine to the guest",
        "disk": "PATH[,size=2G]: a persistent disk, made where there is none",
        "mem": "memory of the guest, 1G by default",
        "cpus": "processors of the guest, 2 by default",
        "data": "user data, which //pkg/metadata finds on a disk labelled cidata",
        "socket": "PATH[,port=2375]: a Unix socket of this machine that leads to the guest's of that number, by //pkg/host",
        "clock": "TIME: what the machine's clock says at power-on, 2020-01-01T00:00:00",
        "vsock": "CID: a socket between this machine and the guest, by the kernel's vhost_vsock",
    }
    extras: dict[str, tuple[Input, ...]] = {}
    for attr, names in (("firmware", _WITH_FIRMWARE), ("run_tools", _WITH_TOOLS)):
        if ctx.attrs.get(attr) is not None:
            tree = ctx.require(ctx.attrs[attr], ToolchainInfo, attr=(attr,), execution=True).tree
            options |= names
            extras |= dict.fromkeys(names, (Input(attr, tree),))
    return Runnable(spec=spec, options=options, network=True, devices=("/dev/kvm", "/dev/vhost-vsock"), extras=extras)
