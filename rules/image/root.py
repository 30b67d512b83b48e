"""The root of an image as a tar, from which file systems are made, and the initrds that find such a file system, or bring it along.

Does not know which file systems there are. The form of such a root is in docs/format/image.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, Inline, Output
from lkbuild.model.rule import RuleContext

from ..file_entries import layer
from ..providers import ImageInfo, Piece
from .initrd import initrd, segment

_FILES: Final = ".files"
_POINTS: Final = ("dev", "proc", "run", "sys", "tmp", "var")
#: What init would make in an initramfs, and can't on a disk: mount points, and the paths that it reads before it has made the root.
_SKELETON: Final[tuple[dict[str, Any], ...]] = (
    *({"path": name, "kind": "dir", "mode": 0o755} for name in (".early", ".new", "dev")),
    *({"path": f"{_FILES}/{name}", "kind": "dir", "mode": 0o755} for name in (".base", ".early", *_POINTS)),
    *({"path": name, "kind": "symlink", "target": f"{_FILES}/{name}"} for name in ("init", "etc", "usr")),
)


def disk_tar(ctx: RuleContext, image: ImageInfo) -> Output:
    """Emit the root as it lies on a disk."""
    if not image.early:
        return _tar(ctx, image.pieces)
    skeleton = layer(ctx, _SKELETON, message="what every root on a disk has")
    return _tar(ctx, (Piece(skeleton), *image.pieces), files=_FILES)


def packed_tar(ctx: RuleContext, image: ImageInfo) -> Output:
    """Emit the root as it lies packed in an initrd that has init and the modules beside it: here are links to them."""
    links = [{"path": "init", "kind": "symlink", "target": "/.early/init"}]
    if image.modules is not None:
        links.append({"path": "usr/lib/modules", "kind": "symlink", "target": "/.early/lib/modules"})
    pieces = (piece for piece in image.pieces if piece.folder or piece.layer not in image.early)
    skeleton = layer(ctx, _SKELETON, message="what every root on a disk has")
    beside = layer(ctx, links, message="links to what lies beside a packed root")
    return _tar(ctx, (Piece(skeleton), Piece(beside), *pieces), files=_FILES)


def initrd_tar(ctx: RuleContext, image: ImageInfo) -> Output:
    """Emit the root as an initrd has it, in one tar."""
    return _tar(ctx, image.pieces)


def packed_initrd(ctx: RuleContext, image: ImageInfo, root: Artifact, early: Sequence[Artifact]) -> Output:
    """Emit the initrd with a packed root; `early` are the segments beside it."""
    entry = {"path": "root.squashfs", "kind": "file", "mode": 0o600, "input": "in/root"}
    packed = layer(ctx, [entry], [Input("in/root", root)], message=f"packed root of {ctx.label.short}")
    return initrd(ctx, (), image.compression, before=[segment(ctx, packed, ""), *early])


def boot_tar(ctx: RuleContext, image: ImageInfo) -> Output:
    """Emit the root as the initrd has it, with kernel and command line."""
    boot = [{"path": f"boot/{name}", "kind": "file", "mode": 0o644, "input": f"in/{name}"} for name in ("kernel", "cmdline")]
    cmdline = Inline((image.cmdline + "\n").encode())
    return _tar(ctx, (*image.pieces, Piece(layer(ctx, boot, [Input("in/kernel", image.kernel), Input("in/cmdline", cmdline)]))))


def disk_initrd(ctx: RuleContext, image: ImageInfo) -> Artifact | None:
    """Emit the initrd that finds a root on a disk; None where the kernel has to."""
    return initrd(ctx, map(Piece, image.early), image.compression) if image.early else None


def _tar(ctx: RuleContext, pieces: Iterable[Piece], *, files: str = "") -> Output:
    """`files` is the folder for what an initrd has in its root; it is placed as on a system with merged /usr, whose links are in layers."""
    placed, inputs = [], []
    for index, piece in enumerate(pieces):
        moved = bool(files) and index > 0 and not piece.folder
        placed.append({"folder": files if moved else piece.folder, "usrmerge": moved})
        inputs.append(Input(f"{index:04d}", piece.layer))
    (made,) = ctx.builtin(
        "place_layers",
        1,
        [json.dumps(placed)],
        inputs=inputs,
        outputs=[DeclaredOutput("root.tar")],
        message=f"root of {ctx.label.short}",
    )
    return made
