"""filegroup: a name for some files."""

from __future__ import annotations

from typing import Any

from lkbuild.base.errors import nearest
from lkbuild.model.artifact import NamedArtifact, TargetRef
from lkbuild.model.attrs import Attr, File, ListOf, String
from lkbuild.model.providers import Files, OutputGroups
from lkbuild.model.rule import Rule, RuleContext


def analyze(ctx: RuleContext) -> list[Any]:
    """No action: the files as they are."""
    group, srcs = ctx.attrs["group"], ctx.attrs["srcs"]
    found = [item for index, part in enumerate(srcs) for item in (_group(ctx, index, part, group) if group else ctx.files(part))]
    return [Files(tuple(dict.fromkeys(found)))]


def _group(ctx: RuleContext, index: int, part: Any, name: str) -> tuple[NamedArtifact, ...]:
    groups = ctx.dep(part.label).get(OutputGroups) if isinstance(part, TargetRef) else None
    known = groups.groups if groups else {}
    if name not in known:
        ctx.fail(
            f"it has no output '{name}' for {ctx.arch}", attr=("srcs", index), hint=nearest(name, known) or f"it has: {', '.join(known)}"
        )
    return known[name]


RULE = Rule(
    name="filegroup",
    doc="A name for some files, to be used where a file attribute takes a label.",
    attrs={
        "srcs": Attr(type=ListOf(item=File()), default=(), doc="The files."),
        "group": Attr(type=String(), doc="An output of each: `iso` for `//images:x.iso`. Default: what a target has without a name."),
    },
    analyze=analyze,
)
