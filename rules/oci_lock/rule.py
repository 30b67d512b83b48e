"""`oci_lock`: names OCI images of a layout, and holds the lock file that `lkbuild lock update` makes of them. Emits no action."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from typing import Any

from lkbuild.model.attrs import Attr, ListOf, String, TextFile
from lkbuild.model.providers import Locked
from lkbuild.model.references import expand
from lkbuild.model.rule import Rule, RuleContext

from ..providers import OciLockInfo


def analyze(ctx: RuleContext) -> Sequence[Any]:
    """Check the request and hand out the lock."""
    lock, layout = ctx.attrs["lock"], ctx.attrs["layout"]
    path = posixpath.normpath(posixpath.join(ctx.label.package, layout)) if layout else ""
    if not layout and not ctx.attrs["images"]:
        ctx.fail("there is neither a layout nor images to pull", attr=(), hint="name a folder as `layout:`, or references as `images:`")
    if path.startswith(("/", "..")):
        ctx.fail(f"'{layout}' leaves the workspace", attr=("layout",), hint="a layout is a folder of the workspace")
    for index, image in enumerate(ctx.attrs["images"]):
        try:
            expand(image)
        except ValueError:
            ctx.fail(f"'{image}' names no image", attr=("images", index), hint="write name, org/name or host/org/name, then :tag")
    request = json.dumps({"layout": path, "images": sorted(ctx.attrs["images"])}, sort_keys=True)
    return [
        Locked(kind="oci", path=lock.path, request=request, content=lock.content),
        OciLockInfo(path=lock.path, text=lock.content, layout=path),
    ]


RULE = Rule(
    name="oci_lock",
    doc="""A lock of OCI images: names in, the digests of one image per architecture out.

`lkbuild lock update` resolves the names once, against an OCI image layout in the workspace or, without one, the registries that the
names name, with the credentials of `docker login`; builds use the digests, and check every layer by its own. What an image says of the
container that runs it (command, environment, label) is in the lock.""",
    attrs={
        "layout": Attr(
            type=String(),
            default="",
            configurable=False,
            doc="Folder of the OCI layout, from this package. Default: images are pulled from registries.",
        ),
        "images": Attr(
            type=ListOf(item=String()), default=(), configurable=False, doc="References to lock. Default: all that the layout names."
        ),
        "lock": Attr(type=TextFile(), required=True, doc="The lock file. It need not exist before the first `lkbuild lock update`."),
    },
    analyze=analyze,
)
