"""`oci_lock`: names OCI images of a layout, and holds the lock file that `lkbuild lock update` makes of them. Emits no action."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from lkbuild.linuxkit.config import read
from lkbuild.model.attrs import Attr, ListOf, String, TextFile
from lkbuild.model.providers import Locked
from lkbuild.model.references import expand, repository_of
from lkbuild.model.rule import Rule, RuleContext

from ..linuxkit_image.images import Named
from ..providers import OciLockInfo


def analyze(ctx: RuleContext) -> Sequence[Any]:
    """Check the request and hand out the lock."""
    lock = ctx.attrs["lock"]
    layout, archive = _path(ctx, "layout"), _path(ctx, "archive")
    if layout and archive:
        ctx.fail("there are both a layout and an archive", attr=("archive",), hint="a lock is of one of them")
    images = sorted({*ctx.attrs["images"], *_named(ctx)})
    if ctx.attrs["srcs"] and not images:
        hint = "a linuxkit_image whose images are all targets needs no lock"
        ctx.fail("the files name no image that is from elsewhere", attr=("srcs",), hint=hint)
    if not layout and not archive and not images:
        hint = "name a folder as `layout:`, a file as `archive:`, references as `images:`, or LinuxKit's files as `srcs:`"
        ctx.fail("there is neither a layout nor images to pull", attr=(), hint=hint)
    for index in range(len(ctx.attrs["images"])):
        _reference(ctx, "images", index)
    request = json.dumps({"layout": layout, "archive": archive, "images": images}, sort_keys=True)
    return [
        Locked(kind="oci", path=lock.path, request=request, content=lock.content),
        OciLockInfo(path=lock.path, text=lock.content, layout=layout, archive=archive),
    ]


def _path(ctx: RuleContext, name: str) -> str:
    """The workspace path that an attribute names from its package; "" where it names none."""
    if not ctx.attrs[name]:
        return ""
    path = posixpath.normpath(posixpath.join(ctx.label.package, ctx.attrs[name]))
    if path.startswith(("/", "..")):
        ctx.fail(f"'{ctx.attrs[name]}' leaves the workspace", attr=(name,), hint="images are locked from what is in the workspace")
    return path


def _named(ctx: RuleContext) -> Iterator[str]:
    """The images that LinuxKit's files name, but for those that are targets: by `@pkg:`, or by what linuxkit_image's `packages:` says."""
    targets = {_reference(ctx, "without", index) for index in range(len(ctx.attrs["without"]))}
    for index, text in enumerate(ctx.attrs["srcs"]):
        if text.missing:
            ctx.fail(f"there is no file {text.path}", attr=("srcs", index))
        templates = Named()
        for reference, _ in read(text.content.encode(), text.path, templates).references():
            if not {reference, repository_of(reference)} & (targets | templates.found.keys()):
                yield reference


def _reference(ctx: RuleContext, attr: str, index: int) -> str:
    """A reference of a list, with its host."""
    text = ctx.attrs[attr][index]
    try:
        return expand(text)
    except ValueError:
        ctx.fail(f"'{text}' names no image", attr=(attr, index), hint="write name, org/name or host/org/name, then :tag")


RULE = Rule(
    name="oci_lock",
    doc="""A lock of OCI images: names in, the digests of one image per architecture out.

`lkbuild lock update` resolves the names once, against an OCI image layout or an archive of `docker save` in the workspace or, without
either, the registries that the names name, with the credentials of `docker login`; builds use the digests, and check every layer by its
own. What an image says of the container that runs it (command, environment, label) is in the lock.""",
    attrs={
        "layout": Attr(
            type=String(),
            default="",
            configurable=False,
            doc="Folder of the OCI layout, from this package. Default: images are pulled from registries.",
        ),
        "archive": Attr(
            type=String(), default="", configurable=False, doc="An archive of `docker save`, from this package, in place of a layout."
        ),
        "images": Attr(
            type=ListOf(item=String()),
            default=(),
            configurable=False,
            doc="References to lock. Default: all that the layout or the archive names.",
        ),
        "srcs": Attr(
            type=ListOf(item=TextFile()), default=(), configurable=False, doc="LinuxKit's files, whose images are locked beside those."
        ),
        "without": Attr(
            type=ListOf(item=String()),
            default=(),
            configurable=False,
            doc="References of those files that are no images from elsewhere, as linuxkit_image's `packages` says; one without a tag means "
            "any. `@pkg:PATH` needs no entry.",
        ),
        "lock": Attr(type=TextFile(), required=True, doc="The lock file. It need not exist before the first `lkbuild lock update`."),
    },
    analyze=analyze,
)
