"""archive_toolchain: an archive, unpacked, that becomes the root file system of actions. Does not know what is in it."""

from __future__ import annotations

import json
from typing import Any

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, Integer, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..providers import ToolchainInfo


def analyze(ctx: RuleContext) -> list[Any]:
    """Unpack it into a tree."""
    archives = ctx.files(ctx.attrs["archive"])
    if len(archives) != 1:
        ctx.fail(f"an archive is one file, and these are {len(archives)}", attr=("archive",))
    request = json.dumps({"type": ctx.attrs["type"], "strip": ctx.attrs["strip"]}, sort_keys=True)
    (tree,) = ctx.builtin(
        "archive_tree",
        1,
        [request],
        inputs=[Input("archive", archives[0].artifact)],
        outputs=[DeclaredOutput("tree", tree=True)],
        message=f"unpack {archives[0].name}",
    )
    return [ToolchainInfo(tree), Files((NamedArtifact("tree", tree),))]


RULE = Rule(
    name="archive_toolchain",
    doc="""A tree from an archive (a wheel, a release of a compiler), used as the root file system of sandboxed actions.

It is for the machine that builds: with `select:` by architecture, `archive` is the one that runs there.""",
    attrs={
        "archive": Attr(type=File(), required=True, doc="The archive: a `pypi_file`, an `http_file`."),
        "type": Attr(type=String(choices=("tar", "zip")), required=True, doc="What it is; a wheel is a zip."),
        "strip": Attr(type=Integer(minimum=0), default=0, doc="Leading segments of each path to leave out."),
    },
    analyze=analyze,
)
