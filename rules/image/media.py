"""Formats of an image beside kernel and initrd: each an action made only when asked for, and shared by those that are made of it.

What there is stands in formats.py. Does not know how a medium is written: tools/media.py does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import Artifact, Inline, NamedArtifact
from lkbuild.model.rule import RuleContext

from ..oci_layout import GROUP, oci_layout
from ..providers import ImageInfo, ToolchainInfo
from .formats import FORMATS, ROOTS
from .initrd import LEVELS, segment
from .root import boot_tar, disk_initrd, disk_tar, initrd_tar, packed_initrd, packed_tar

_OS_RELEASE: Final = "ID=lkbuild\nNAME=lkbuild\nPRETTY_NAME={name}\nVERSION_ID=1\n"
_TOOLS: Final = (
    "archives.py",
    "disks.py",
    "gpt.py",
    "ipl.py",
    "iso.py",
    "kernels.py",
    "linked.py",
    "media.py",
    "pe.py",
    "roots.py",
    "rpi.py",
    "slots.py",
    "unpacks.py",
    "verity.py",
)
_WITH_STUB: Final = ("uki", "disk-uki", "disk")
#: Formats with the initrd as the image has it.
_PLAIN: Final = ("tar-kernel-initrd",)
#: What a kernel is taken to have that does not say what it has: what we pack without being asked.
_UNKNOWN: Final = Inline(b"".join(f"CONFIG_{name}=y\n".encode() for name in ("BLK_DEV_LOOP", "SQUASHFS", "SQUASHFS_ZSTD", "RD_ZSTD")))
_FREE: Final = "init=/init"  # for who leaves the initrd out: a kernel looks for /init in an initrd alone


def media(ctx: RuleContext, image: ImageInfo) -> dict[str, tuple[NamedArtifact, ...]]:
    """Output groups: every format that the architecture has, and that the builder has tools for."""
    maker = _Maker(ctx, image)
    builder = ctx.configuration.exec_arch
    single = [name for name, row in FORMATS.items() if image.arch in row.arches and row.builder in ("", builder)]
    if ctx.attrs["efi_stub"] is None:
        single = [name for name in single if not _is_made_of(name, "uki")]
    found: dict[str, tuple[NamedArtifact, ...]] = {}
    for name in single:
        found[name] = (NamedArtifact(f"{ctx.label.name}{FORMATS[name].ending}", maker.format(name)),)
    found["tar"] = (NamedArtifact(f"{ctx.label.name}.tar", maker.tar),)
    found[GROUP] = (NamedArtifact(f"{ctx.label.name}.{GROUP}", oci_layout(ctx, [maker.tar], {"command": ("/init",)}, {})),)
    found.update({name: maker.root(name) for name in ROOTS})
    found["microvm"] = maker.microvm()
    if image.early and image.arch in FORMATS["uki"].arches and ctx.attrs["efi_stub"] is not None:
        found.update(maker.disk())
    if ctx.attrs.get("rpi_firmware") is not None:
        found["rpi"] = maker.rpi()
    return found


def _is_made_of(name: str, base: str) -> bool:
    return name == base or (name in FORMATS and _is_made_of(FORMATS[name].base, base))


class _Maker:
    """Emits the formats of one image, each once."""

    def __init__(self, ctx: RuleContext, image: ImageInfo) -> None:
        self._ctx = ctx
        self._image = image
        self._tools = ctx.require(ctx.attrs["media_tools"], ToolchainInfo, attr=("media_tools",), execution=True).tree
        release = Inline((_OS_RELEASE + "IMAGE_ID={name}\n").format(name=ctx.label.name).encode())
        self._parts: dict[str, Artifact] = {"kernel": image.kernel, "initrd.img": image.initrd, "cmdline": _line(image.cmdline)}
        self._parts["os-release"] = release
        self.tar = boot_tar(ctx, image)
        self._made: dict[str, Artifact] = {"tar": self.tar}
        # What firmware boots has its root packed in the initrd; where init is not ours, and where others load the initrd, it is as it is.
        self._packed = self._parts
        if image.early:
            self._packed = {**self._parts, "initrd.img": self._packed_initrd()}

    def _packed_initrd(self) -> Artifact:
        """The root as a squashfs, and init and the modules beside it, each as the kernel can unpack it; or all of it as one archive."""
        ctx, image = self._ctx, self._image
        # An action of its own: of a configuration that changes, what is read here mostly stays, and packing takes minutes.
        can = self._run("unpacks", ".options", {"config": image.config or _UNKNOWN})
        how = {"LEAVE_OUT": "\n".join(image.leave_out)}
        if image.compression == "least":
            whole, *_ = self._all("left", ".tar", {"root.tar": initrd_tar(ctx, image)}, how=how)
            return self._run("early", ".img", {"unpacks": can, "early/0000": segment(ctx, whole, "", "plain")})
        root, *_ = self._all("packed", ".squashfs", {"root.tar": packed_tar(ctx, image), "unpacks": can}, how=how)
        early: list[Artifact] = [segment(ctx, layer, "", "plain" if image.compression == "small" else "fast") for layer in image.early]
        if image.compression == "small":
            early = [self._run("early", ".img", {"unpacks": can, **{f"early/{index:04d}": part for index, part in enumerate(early)}})]
        return packed_initrd(ctx, image, root, early)

    def format(self, name: str) -> Artifact:
        """A format of one file."""
        if name not in self._made:
            row = FORMATS[name]
            self._made[name] = self.format(row.base) if row.same else self._run(name, row.ending, self._inputs(name))
        return self._made[name]

    def root(self, name: str) -> tuple[NamedArtifact, ...]:
        """A format whose root is on a disk."""
        image, kind = self._image, name.partition("+")[2]
        made = self._root_file(kind)
        initrd = disk_initrd(self._ctx, image)
        where = {"iso": "root=/dev/sr0 rootfstype=iso9660 lkbuild.root=root.erofs"}.get(kind, f"root=/dev/vda rootfstype={kind}")
        cmdline = _line(" ".join(word for word in (where, "ro", _FREE, image.cmdline) if word))
        parts = {"kernel": image.kernel, **({"initrd.img": initrd} if initrd else {}), "cmdline": cmdline, f"root.{kind}": made}
        return tuple(NamedArtifact(f"{name}/{part}", artifact) for part, artifact in parts.items())

    def _root_file(self, kind: str) -> Artifact:
        name = f"kernel+{kind}"
        if name not in self._made:
            source = ("root.erofs", self._root_file("erofs")) if kind == "iso" else ("root.tar", disk_tar(self._ctx, self._image))
            self._made[name] = self._run(name, f".{kind}", dict([source]))
        return self._made[name]

    def microvm(self) -> tuple[NamedArtifact, ...]:
        """Kernel, initrd and command line as small hypervisors take them."""
        kernel = self._run("microvm", ".kernel", {"kernel": self._image.kernel})
        parts = {"kernel": kernel, "initrd.img": self._image.initrd, "cmdline": _line(self._image.cmdline)}
        return tuple(NamedArtifact(f"microvm/{part}", artifact) for part, artifact in parts.items())

    def disk(self) -> dict[str, tuple[NamedArtifact, ...]]:
        """A disk with its root on a partition, or with two of them; what updates one."""
        ctx, image, slots = self._ctx, self._image, self._ctx.attrs.get("slots")
        checked, words = self._all("verity", ".verity", {"from": self._root_file("erofs")}, beside=("out/words",))
        again = "panic=10" if slots and "panic=" not in image.cmdline else ""  # what does not come up must start anew to fall back
        line = " ".join(word for word in ("root=PARTLABEL=lkbuild-root rootfstype=erofs ro", again, image.cmdline) if word)
        initrd = disk_initrd(ctx, image)
        parts = {**self._parts, "cmdline": _line(line), "verity": words, **({"initrd.img": initrd} if initrd else {})}
        # Without IMAGE_ID: systemd-boot orders by it before it orders by the slots' numbers.
        parts["os-release"] = Inline(_OS_RELEASE.format(name=ctx.label.name).encode())
        uki = self._run("disk-uki", ".efi", parts)
        how = {"SLOTS": "2" if slots else "1", "ROOM": str(_bytes(slots["room"])) if slots and slots["room"] else "0"}
        disk, *_ = self._all("disk", "-disk.img", {"from": uki, "root": checked}, how=how)
        name = ctx.label.name
        found: dict[str, tuple[NamedArtifact, ...]] = {"disk": (NamedArtifact(f"{name}-disk.img", disk),)}
        if slots:
            update, *_ = self._all("update", ".update", {"from": uki, "root": checked}, how={"VERSION": str(slots["version"])})
            found["update"] = (NamedArtifact(f"{name}.update", update),)
        return found

    def rpi(self) -> tuple[NamedArtifact, ...]:
        """An SD card of a Raspberry Pi."""
        ctx = self._ctx
        firmware = ctx.require(ctx.attrs["rpi_firmware"], ToolchainInfo, attr=("rpi_firmware",)).tree
        made = self._run("rpi", "-rpi.img", {**self._parts, "firmware": firmware})
        return (NamedArtifact(f"{ctx.label.name}-rpi.img", made),)

    def _inputs(self, name: str) -> dict[str, Artifact]:
        found: dict[str, Artifact] = {}
        for base in (FORMATS[name].base, *FORMATS[name].also):
            if base == "image":
                found |= self._parts if name in _PLAIN else self._packed
            else:
                found["from"] = self._made.get(base) or self.format(base)
        return found

    def _run(self, form: str, ending: str, inputs: Mapping[str, Artifact]) -> Artifact:
        return self._all(form, ending, inputs)[0]

    def _all(
        self, form: str, ending: str, inputs: Mapping[str, Artifact], *, beside: Sequence[str] = (), how: Mapping[str, str] | None = None
    ) -> tuple[Artifact, ...]:
        """The medium, and what the tool writes `beside` it; `how`: more of its environment."""
        ctx, out = self._ctx, f"out/medium{ending}"
        if form in _WITH_STUB:
            stub = ctx.require(ctx.attrs["efi_stub"], ToolchainInfo, attr=("efi_stub",)).tree
            started = {"kernel": self._image.efi} if "kernel" in inputs else {}
            inputs = {**inputs, **started, "stub": stub}
        level = str(LEVELS[self._image.compression])
        environment = {"ARCH": ctx.arch, "NAME": ctx.label.name, "LEVEL": level, "PYTHONDONTWRITEBYTECODE": "1", **(how or {})}
        return ctx.run(
            form,
            ["/usr/bin/python3", "tools/media.py", form, out],
            root=self._tools,
            inputs=[
                *(Input(name, artifact) for name, artifact in inputs.items()),
                *(Input(f"tools/{name}", ctx.tool(name, rule="image")) for name in _TOOLS),
            ],
            outputs=[DeclaredOutput(out), *map(DeclaredOutput, beside)],
            environment=environment,
            message=f"{form} of {ctx.label.short}",
            resources=Resources(seconds=5),
        )


def _bytes(text: str) -> int:
    return int(text[:-1]) << {"M": 20, "G": 30}[text[-1]]


def _line(text: str) -> Inline:
    return Inline((text + "\n").encode())
