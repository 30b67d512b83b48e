"""alias: another name for a target."""

from __future__ import annotations

from typing import Any

from lkbuild.model.attrs import Attr, LabelOf
from lkbuild.model.rule import Rule, RuleContext


def analyze(ctx: RuleContext) -> list[Any]:
    """Give what the other target gives."""
    return list(ctx.dep(ctx.attrs["actual"]).providers.values())


RULE = Rule(
    name="alias",
    doc="Another name for a target. With `select:` it chooses one of several by configuration.",
    attrs={"actual": Attr(type=LabelOf(), required=True, doc="The target that is meant.")},
    analyze=analyze,
)
