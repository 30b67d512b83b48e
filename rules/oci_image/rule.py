"""oci_image: an image of an `oci_lock` as a package, for the images of this workspace. Does not know LinuxKit's label."""

from __future__ import annotations

from typing import Any

from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, FrozenMap, LabelOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..oci import LockedImages
from ..providers import LayerInfo, PackageInfo


def analyze(ctx: RuleContext) -> list[Any]:
    """One layer, and what the image says of its container."""
    images = LockedImages(ctx, ctx.attrs["lock"])
    entry = images.entry(ctx.attrs["image"], ctx.target.at("image"))
    layer = images.layer(entry)
    config = entry.config
    container = {
        "command": (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
        "env": tuple(config.get("Env") or ()),
        "cwd": config.get("WorkingDir") or "",
    }
    return [
        PackageInfo(name=ctx.label.name, layers=(layer,), container=FrozenMap({name: value for name, value in container.items() if value})),
        LayerInfo((layer,)),
        images.base(entry),
        Files((NamedArtifact("layer.tar", layer),)),
    ]


RULE = Rule(
    name="oci_image",
    doc="""An OCI image by its locked digest, as a package: its files as one layer, its command, environment and working directory as
defaults of the container.""",
    attrs={
        "lock": Attr(type=LabelOf(provides=("OciLockInfo",)), required=True, doc="The `oci_lock` that holds it."),
        "image": Attr(type=String(), required=True, doc="Its reference, as the lock was asked for it."),
    },
    analyze=analyze,
)
