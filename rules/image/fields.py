"""The attributes of an image: LinuxKit's sections, with labels in place of image references. Data only."""

from __future__ import annotations

from typing import Final

from lkbuild.base.label import Label
from lkbuild.model.attrs import Attr, Boolean, Integer, LabelOf, ListOf, OneOf, Select, String, Struct, TextFile

from ..container_fields import CONTAINER_FIELDS, SUPERVISION_FIELDS
from ..file_entries import FILES

_PACKAGE: Final = LabelOf(provides=("PackageInfo",))
_NAME: Final = String(pattern=r"[a-z0-9][a-z0-9_.-]*")

CONTAINERS: Final = ListOf(
    item=OneOf(
        options=(
            _PACKAGE,
            Struct(
                fields={
                    "name": Attr(type=_NAME, doc="Name. Default: that of the package."),
                    "package": Attr(type=_PACKAGE, required=True, doc="What it runs."),
                    **CONTAINER_FIELDS,
                    **SUPERVISION_FIELDS,
                }
            ),
        )
    )
)

#: systemd's EFI stub is a program of the image's architecture, and there is none for some.
_STUB_BY_ARCH: Final = Select(
    branches=tuple((arch, Label("rules/toolchains", "efi-stub")) for arch in ("amd64", "arm64")), default=None, has_default=True
)

FORMATS_ATTR: Final = Attr(
    type=ListOf(item=String()),
    default=(),
    doc="The formats that the image is shipped in: `//x.formats` makes them all. Others can be asked for by name.",
)

SLOTS: Final = Attr(
    type=Struct(
        fields={
            "key": Attr(type=TextFile(), required=True, doc="Public keys that may sign updates: Ed25519, PEM."),
            "version": Attr(
                type=Integer(minimum=0),
                default=0,
                doc="Of this image: an update whose version is lower than that of what runs is refused (`slot update --allow-older`).",
            ),
            "room": Attr(type=String(lenient=True, pattern=r"\d+[MG]"), doc="Size of a slot's root. Default: twice what it is now."),
            "up_within_s": Attr(
                type=Integer(minimum=1),
                default=300,
                doc="An update whose services are not all ready after so many seconds is given up: the machine starts anew.",
            ),
        }
    ),
    default=None,
    doc="The format `disk` has two slots, of which a running machine updates the other one; what does not come up is fallen back from.",
)

#: UEFI firmware by the architecture of the guest, where it has any.
_FIRMWARE_BY_ARCH: Final = Select(
    branches=tuple((arch, Label("rules/toolchains", "firmware")) for arch in ("amd64", "arm64")),
    default=None,
    has_default=True,
)

#: QEMU by the architecture of the guest: tools, so built for the machine that runs it.
QEMU_BY_ARCH: Final = Select(
    branches=tuple((arch, Label("rules/toolchains", f"qemu-{arch}")) for arch in ("amd64", "arm64", "riscv64", "s390x")),
    default=None,
    has_default=False,
)

ATTRS: Final = {
    "kernel": Attr(type=LabelOf(provides=("KernelInfo",)), required=True, doc="The kernel."),
    "cmdline": Attr(type=String(), default="", doc="The kernel's command line."),
    "hostname": Attr(type=String(), doc="Host name. Default: the target's name."),
    "runtime": Attr(type=String(), default="/usr/bin/runc", doc="The OCI runtime, a path in the root."),
    "init": Attr(type=ListOf(item=_PACKAGE), required=True, doc="Packages of the root: init, and the OCI runtime."),
    "onboot": Attr(type=CONTAINERS, default=(), doc="Containers that run once, in order, before the services."),
    "services": Attr(type=CONTAINERS, default=(), doc="Containers that run all the time."),
    "onshutdown": Attr(type=CONTAINERS, default=(), doc="Containers that run once, in order, after the services were stopped."),
    "compression": Attr(
        type=String(choices=("fast", "small", "media", "least")),
        default="fast",
        doc="How layers are packed: `fast` for work, `small` for what is shipped (a sixth less, forty times as slow; cached either way), "
        "`media` for kernel and initrd fast, formats small; `least`, for images of a few megabytes: in media that firmware boots all of "
        "it in one piece, which is unpacked to memory when they boot (an eighth less).",
    ),
    "leave_out": Attr(
        type=ListOf(item=String()),
        default=(),
        doc="Patterns of files that no program of the image needs, `usr/lib/*/libm.so.*`: media that firmware boots are without them. "
        "One that a program links is an error.",
    ),
    "files": Attr(type=FILES, default=(), doc="Files of the root, on top of everything else."),
    "volumes": Attr(
        type=ListOf(
            item=Struct(
                fields={
                    "name": Attr(type=_NAME, required=True, doc="Name, for binds."),
                    "package": Attr(type=LabelOf(provides=("LayerInfo",)), doc="What is in it. Default: nothing."),
                    "readonly": Attr(type=Boolean(), default=False, doc="Whether it can't be written."),
                }
            )
        ),
        default=(),
        doc="Volumes: `binds: [name:/path]` in containers.",
    ),
    "media_tools": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True),
        default=Label("rules/toolchains", "media"),
        doc="The tools and boot loaders of formats (`//x.iso`, `//x.kernel+squashfs`, ...).",
    ),
    "efi_stub": Attr(type=LabelOf(provides=("ToolchainInfo",)), default=_STUB_BY_ARCH, doc="systemd's EFI stub, for EFI media."),
    "rpi_firmware": Attr(
        type=LabelOf(provides=("ToolchainInfo",)),
        default=None,
        doc="The Raspberry Pi's boot firmware and device trees, for the format `rpi`: //rules/toolchains:rpi, which is not free software.",
    ),
    "formats": FORMATS_ATTR,
    "slots": SLOTS,
    "qemu": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True),
        default=QEMU_BY_ARCH,
        doc="QEMU and Python, for `lkbuild run`.",
    ),
    "firmware": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True), default=_FIRMWARE_BY_ARCH, doc="UEFI firmware, for `lkbuild run --uefi`."
    ),
    "run_tools": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True),
        default=Label("rules/toolchains", "run-tools"),
        doc="virtiofsd and swtpm, for `lkbuild run --share` and `--tpm`.",
    ),
}
