"""go_binary: a static program from Go sources that use the standard library only.

Cross-compiles by itself: Go needs no toolchain per target. Does not know modules from outside.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..go import GO_ATTRS, go_action

_SCRIPT = """exec go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o "$out" "$3"
"""


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: go build, offline."""
    name = ctx.attrs["out"] or ctx.label.name
    message = f"go build {ctx.label.short} for {ctx.arch}"
    binary = go_action(ctx, "go", _SCRIPT, out=f"out/{name}", arch=ctx.arch, arguments=[ctx.attrs["main"]], message=message)
    return [Files((NamedArtifact(name, binary),))]


RULE = Rule(
    name="go_binary",
    doc="A statically linked program from Go sources that need nothing but the standard library.",
    attrs={
        **GO_ATTRS,
        "main": Attr(type=String(), default=".", doc="The main package within the module."),
        "out": Attr(type=String(), doc="Name of the program. Default: the target's name."),
    },
    analyze=analyze,
)
