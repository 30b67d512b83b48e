"""The initrd of an image: one compressed cpio segment per layer, and their concatenation. Nothing is packed twice.

Does not know what the layers are for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import Artifact, Inline, Output
from lkbuild.model.rule import RuleContext

from ..file_entries import layer
from ..providers import Piece


class LayerSet:
    """The layers of an image in a fixed order, each once, with the names under which a stamp finds them."""

    def __init__(self) -> None:
        """Start without layers."""
        self._paths: dict[Artifact, str] = {}

    def id_of(self, artifact: Artifact) -> str:
        """The stamp for a layer's id; adds the layer."""
        return "@{id:" + self._path(artifact) + "}"

    def inputs(self) -> tuple[Input, ...]:
        """All layers, as inputs of the stamping action."""
        return tuple(Input(path, artifact) for artifact, path in self._paths.items())

    def __iter__(self) -> Any:
        return iter(self._paths)

    def _path(self, artifact: Artifact) -> str:
        return self._paths.setdefault(artifact, f"layers/{len(self._paths):04d}.tar")


#: zstd levels: 470 MB pack in 3 s at the first, and take a sixth less at the second, forty times as slowly.
#: `plain` is not packed at all: for who packs it in another way.
LEVELS: Final = {"plain": 0, "fast": 3, "small": 19, "least": 19}


def segment(ctx: RuleContext, artifact: Artifact, prefix: str, compression: str = "fast") -> Output:
    """Emit the packing of a layer below a prefix; `{id}` in it stands for the layer's own id."""
    (output,) = ctx.builtin(
        "cpio",
        1,
        [prefix, str(LEVELS[compression])],
        inputs=[Input("layer.tar", artifact)],
        outputs=[DeclaredOutput("segment.cpio.zst")],
        message=f"pack a layer of {ctx.label.short}",
    )
    return output


def plan_layer(ctx: RuleContext, plan: Mapping[str, Any], layers: LayerSet, bundles: Iterable[Mapping[str, Any]]) -> Output:
    """Emit the layer with the boot plan, its layer ids stamped in, and the containers' bundles."""
    text = Inline((json.dumps(plan, indent=1, sort_keys=True) + "\n").encode())
    (stamped,) = ctx.builtin(
        "stamp",
        1,
        ["image.json.in"],
        inputs=[Input("image.json.in", text), *layers.inputs()],
        outputs=[DeclaredOutput("image.json")],
        message=f"boot plan of {ctx.label.short}",
    )
    entries = [{"path": "etc/lkbuild/image.json", "kind": "file", "mode": 0o644, "input": "in/image.json"}, *bundles]
    return layer(ctx, entries, [Input("in/image.json", stamped)], message=f"containers of {ctx.label.short}")


def initrd(ctx: RuleContext, pieces: Iterable[Piece], compression: str, *, before: Sequence[Artifact] = ()) -> Output:
    """Emit the packing of the pieces, and the concatenation; a segment whose bytes stood there before is left out.

    `before` are archives that come first as they are, such as microcode.
    """
    segments = [*before, *(segment(ctx, piece.layer, piece.folder, compression) for piece in pieces)]
    (output,) = ctx.builtin(
        "concat",
        1,
        ["unique"],
        inputs=[Input(f"{index:04d}", artifact) for index, artifact in enumerate(segments)],
        outputs=[DeclaredOutput("initrd.img")],
        message=f"initrd of {ctx.label.short}",
    )
    return output
