"""linuxkit_image: the image that a linuxkit.yml describes, laid out as LinuxKit lays it out, for the init that the file names.

What the files mean is lkbuild.linuxkit's business; here it becomes layers and segments. Where images come from, images.py knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lkbuild.base.errors import AnalysisError
from lkbuild.linuxkit.config import Config, merge, read
from lkbuild.linuxkit.decode import Templates
from lkbuild.linuxkit.specs import Bundle, bundles
from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, Output
from lkbuild.model.attrs import Attr, File, FrozenMap, LabelOf, ListOf, MapOf, String, TextFile
from lkbuild.model.configuration import Configuration
from lkbuild.model.rule import Discovered, Rule, RuleContext
from lkbuild.model.target import Target

from ..file_entries import layer
from ..image.fields import FORMATS_ATTR
from ..image.formats import documented
from ..image.initrd import initrd
from ..image.outputs import outputs
from ..oci import merged
from ..providers import ImageInfo, Piece
from .files import files_layer
from .filters import ABOVE, ABOVE_ROOT, BELOW, EXCLUDED
from .images import Images, Named
from .oci_volume import oci_volume
from .sections import SECTIONS, own_config


def analyze(ctx: RuleContext) -> list[Any]:
    """Read the files, make a segment of each image, and join them."""
    named = Named()
    config = merge(_configs(ctx.target, named))
    image = _Builder(ctx, config, Images(ctx, {reference: label for reference, (label, _) in named.found.items()}))
    kernel, before, modules = image.kernel()
    pieces = (*image.root(modules), *image.volumes(), *image.containers())
    compression = ctx.attrs["compression"]
    packed = initrd(ctx, pieces, compression, before=before)
    cmdline = config.kernel.get("cmdline", "")
    info = ImageInfo(kernel=kernel, efi=kernel, initrd=packed, cmdline=cmdline, arch=ctx.arch, pieces=pieces, compression=compression)
    return outputs(ctx, info)


def _configs(target: Target, templates: Templates) -> Iterator[Config]:
    for index, text in enumerate(target.attrs["srcs"]):
        if text.missing:
            raise AnalysisError(f"there is no file {text.path}", position=target.at("srcs", index), label=str(target.label))
        yield read(text.content.encode(), text.path, templates)
    yield own_config(target, templates)


def _discover(target: Target, configuration: Configuration) -> Iterator[Discovered]:
    """The targets that `@pkg:` stands for."""
    del configuration  # what the files say is the same for all
    named = Named()
    for _ in _configs(target, named):
        pass
    yield from (Discovered(label=label, position=position) for label, position in named.found.values())


class _Builder:
    """Emits what an image consists of."""

    def __init__(self, ctx: RuleContext, config: Config, images: Images) -> None:
        self._ctx = ctx
        self._config = config
        self._images = images
        self._below = layer(ctx, BELOW, message="what every LinuxKit image has")

    def kernel(self) -> tuple[Artifact, list[Artifact], Artifact | None]:
        """The kernel, what comes first in the initrd (microcode), and the modules."""
        kernel, ctx = self._config.kernel, self._ctx
        if not kernel.get("image"):
            ctx.fail("none of the files names a kernel", attr=("srcs",), hint="write kernel: and its image: in one of them")
        source = self._images.layer(kernel["image"], self._config.kernel_places.get("image") or ctx.target.at("srcs"))
        before: list[Artifact] = [self._file(source, kernel["ucode"])] if kernel.get("ucode") else []
        modules: Artifact | None = None
        tar = kernel.get("tar", "kernel.tar")
        if tar not in ("", "none"):
            (modules,) = ctx.builtin(
                "tar_layer",
                1,
                [],
                inputs=[Input("kernel.tar", self._file(source, tar))],
                outputs=[DeclaredOutput("layer.tar")],
                message=f"kernel modules of {ctx.label.short}",
            )
        return self._file(source, kernel.get("binary") or "kernel"), before, modules

    def root(self, modules: Artifact | None) -> Iterator[Piece]:
        """The init images, the kernel's modules and the files, as one: a directory that a file needs stays as the images have it."""
        above = layer(self._ctx, ABOVE_ROOT, message="hosts and resolv.conf of the root")
        found: dict[str, Artifact] = {}
        for index, (reference, position) in enumerate(self._config.init):
            found[f"{index:03d}"] = self._images.layer(reference, position, below=[self._below], above=[above], exclude=EXCLUDED)
        files = files_layer(self._ctx, self._config)
        guests: dict[str, list[str]] = {}
        if modules is not None:
            found["modules"], guests["modules"] = modules, []
        if files is not None:
            found["files"], guests["files"] = files
        if found:
            request = {"sha256": {}, "exclude": [], "guests": guests}
            yield Piece(merged(self._ctx, found, request, message=f"root of {self._ctx.label.short}"))

    def volumes(self) -> Iterator[Piece]:
        """The folders of all volumes, and the files of those that have an image. One that can't be written has no place for it."""
        entries: list[dict[str, Any]] = []
        for volume in self._config.volumes.values():
            path = f"containers/volumes/{volume.name}"
            names = ("lower", "merged") if volume.readonly else ("lower", "tmp", "merged")
            entries += [{"path": f"{path}/{name}", "kind": "dir", "mode": 0o755} for name in names]
            if volume.get("format") == "oci":
                yield Piece(oci_volume(self._ctx, self._images, volume), f"{path}/lower")
            elif volume.reference is not None:
                yield Piece(self._images.layer(volume.reference, volume.places.position("image")), f"{path}/lower")
        if entries:
            yield Piece(layer(self._ctx, entries, message=f"volumes of {self._ctx.label.short}"))

    def containers(self) -> Iterator[Piece]:
        """The files of each image once, and the bundles of all containers."""
        above = layer(self._ctx, ABOVE, message="hosts and resolv.conf of a container")
        entries: list[dict[str, Any]] = []
        for bundle in bundles(self._config, self._images.settings):
            if bundle.root.startswith(f"{bundle.path}/"):
                place = bundle.container.places.position("image")
                made = self._images.layer(bundle.container.reference, place, below=[self._below], above=[above], exclude=EXCLUDED)
                yield Piece(made, bundle.root)
            entries += _bundle(bundle)
        if entries:
            yield Piece(layer(self._ctx, entries, message=f"containers of {self._ctx.label.short}"))

    def _file(self, source: Artifact, path: str) -> Output:
        (output,) = self._ctx.builtin(
            "layer_file",
            1,
            [path.strip("/")],
            inputs=[Input("layer.tar", source)],
            outputs=[DeclaredOutput("file")],
            message=f"{path} of {self._ctx.label.short}",
        )
        return output


def _bundle(bundle: Bundle) -> Iterator[dict[str, Any]]:
    for name in ("rootfs",) if bundle.readonly else ("rootfs", "tmp"):
        yield {"path": f"{bundle.path}/{name}", "kind": "dir", "mode": 0o755}
    for name, content in (("config.json", bundle.config), ("runtime.json", bundle.runtime)):
        yield {"path": f"{bundle.path}/{name}", "kind": "file", "mode": 0o644, "contents": json.dumps(content, indent=1) + "\n"}


RULE = Rule(
    name="linuxkit_image",
    doc="""A bootable image from LinuxKit's YAML, unchanged: kernel, initrd and command line.

`srcs` are merged as LinuxKit merges them, and laid out as LinuxKit lays them out, for the init that they name. The target may hold
LinuxKit's sections itself, beside or instead of `srcs`: `lkbuild linuxkit convert` writes such a target. Each image is packed once
and cached. How the files are read, and where that differs from LinuxKit: [LinuxKit's YAML](linuxkit.md).""",
    attrs={
        "srcs": Attr(type=ListOf(item=TextFile()), default=(), doc="Files, merged in this order; the own sections come last."),
        "lock": Attr(type=LabelOf(provides=("OciLockInfo",)), doc="The `oci_lock` that holds the images that they name."),
        "packages": Attr(
            type=MapOf(value=LabelOf(provides=("BaseInfo",))),
            default=FrozenMap(),
            doc="References, and the targets that are meant by them; one without a tag means any. `@pkg:PATH` needs no entry: that is the "
            "target of the folder.",
        ),
        "data": Attr(type=ListOf(item=File()), default=(), doc="The files that they name as `source:`. An optional one may be missing."),
        **SECTIONS,
        "compression": Attr(type=String(choices=("fast", "small")), default="fast", doc="How layers are packed: as in `image`."),
        "qemu": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            doc="QEMU and Python, for `lkbuild run`. Without it, there is no run.",
        ),
        "media_tools": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            doc="The tools of formats: `//rules/toolchains:media`. Without them there is the default one alone.",
        ),
        "efi_stub": Attr(
            type=LabelOf(provides=("ToolchainInfo",)),
            doc="systemd's EFI stub: `//rules/toolchains:efi-stub`. Without it there are no EFI media.",
        ),
        "formats": FORMATS_ATTR,
    },
    groups=documented(),
    analyze=analyze,
    discover=_discover,
)
