"""What rules tell each other: providers of the image domain. The engine does not know them.

Frozen values only; a field that is an artifact is made by the target that gives the provider.
"""

from __future__ import annotations

from lkbuild.base.values import dataclass
from lkbuild.model.action import Input
from lkbuild.model.artifact import Artifact, Output
from lkbuild.model.attrs import FrozenMap


@dataclass(frozen=True, slots=True)
class DebLockInfo:
    """A lock of Debian packages: its workspace path, its text ("" where it was never made), and the architectures asked for."""

    path: str
    text: str
    arches: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OciLockInfo:
    """A lock of OCI images.

    Attributes:
        path: in the workspace.
        text: "" where it was never made.
        layout: the folder of the layout with their blobs, or "".
        archive: the archive of `docker save` with them, or ""; where there is neither, they are pulled from registries.
    """

    path: str
    text: str
    layout: str
    archive: str = ""


@dataclass(frozen=True, slots=True)
class ToolchainInfo:
    """A tree that becomes the root file system of sandboxed actions."""

    tree: Output


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """Layers (canonical tars): parts of a root file system, the topmost first."""

    layers: tuple[Artifact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInfo:
    """An OS package: what a container, or the root of an image, is made of.

    Attributes:
        name: for display and as the default name of its container.
        layers: of its root file system, the topmost first.
        initramfs: layers that belong on the initramfs itself (the program that is PID 1).
        container: LinuxKit's container fields as the package sets them; what it does not set is not in it.
    """

    name: str
    layers: tuple[Artifact, ...]
    initramfs: tuple[Artifact, ...] = ()
    container: FrozenMap


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseInfo:
    """An image that a Dockerfile can build upon.

    Attributes:
        layout: the files of its image layout, by path; one whose path is "" is all of it.
        config: the `config` object of its configuration.
    """

    layout: tuple[Input, ...]
    config: FrozenMap

    def inputs(self, folder: str) -> tuple[Input, ...]:
        """The layout as inputs below a folder."""
        return tuple(Input(f"{folder}/{item.path}" if item.path else folder, item.artifact) for item in self.layout)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelInfo:
    """A kernel.

    Attributes:
        image: what a boot loader starts.
        efi: what EFI firmware starts, where that is another file.
        modules: a layer with /lib/modules/<release>, or None where all is built in.
        config: the final .config, where it is known.
        release: a file with what `uname -r` will say.
        cmdline: what an image's command line starts with, such as the console of its architecture.
    """

    image: Artifact
    efi: Artifact | None = None
    modules: Artifact | None = None
    config: Artifact | None = None
    release: Artifact | None = None
    cmdline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSourceInfo:
    """The source of a kernel.

    Attributes:
        archive: the source archive, or Debian's package of it; `name` is its file name, whose ending tells which.
        kconfig: a tree with what a configuration needs of it: Kconfig files, Makefiles, scripts.
    """

    archive: Artifact
    name: str
    kconfig: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelConfigInfo:
    """A kernel configuration: the final .config, and the source that it is for."""

    config: Artifact


@dataclass(frozen=True, slots=True)
class Piece:
    """A layer of an image and the folder that it lies in ("": the root; `{id}` stands for the layer's own id)."""

    layer: Artifact
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """A bootable image in its basic form.

    Attributes:
        kernel, initrd: artifacts.
        efi: the kernel that EFI firmware starts.
        cmdline: the kernel's command line.
        arch: what it runs on.
        pieces: what the initrd unpacks to; a later one wins.
        early: layers of an initrd that finds the image on a disk: init and modules. None where the kernel has to find it (LinuxKit's init).
        modules: the layer of them, one of `early`.
        compression: of formats, `fast`, `small` or `least`.
        config: the kernel's .config, which says what it can unpack; None where it is not known.
        leave_out: patterns of files that the packed root of media is without.
    """

    kernel: Artifact
    efi: Artifact
    initrd: Artifact
    cmdline: str
    arch: str
    pieces: tuple[Piece, ...]
    early: tuple[Artifact, ...] = ()
    modules: Artifact | None = None
    compression: str = "fast"
    config: Artifact | None = None
    leave_out: tuple[str, ...] = ()
