"""filegroup: a name for some files."""

from __future__ import annotations

from typing import Any

from lkbuild.model.attrs import Attr, File, ListOf
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext


def analyze(ctx: RuleContext) -> list[Any]:
    """No action: the files as they are."""
    return [Files(tuple(dict.fromkeys(ctx.files(ctx.attrs["srcs"]))))]


RULE = Rule(
    name="filegroup",
    doc="A name for some files, to be used where a file attribute takes a label.",
    attrs={"srcs": Attr(type=ListOf(item=File()), default=(), doc="The files.")},
    analyze=analyze,
)
