"""toolchain: a tree of Debian packages that becomes the root file system of actions.

Packages are unpacked, not installed: no script of theirs runs. What a script would have done that a build needs is given as links.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, Boolean, LabelOf, ListOf, MapOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..debs import closure_of
from ..providers import ToolchainInfo
from ..toolchains.bundled import deb_tree

_DEFAULT_EXCLUDE = (
    "usr/share/doc/**",
    "usr/share/man/**",
    "usr/share/info/**",
    "usr/share/locale/**",
    "usr/share/lintian/**",
    "usr/share/bash-completion/**",
    "usr/share/bug/**",
)


def analyze(ctx: RuleContext) -> list[Any]:
    """Fetch the closure, unpack it into one tree."""
    found = closure_of(ctx, ctx.attrs["lock"], ctx.attrs["debs"], without=ctx.attrs["without"])
    debs = tuple(output for entry, output in sorted(found, key=lambda pair: pair[0].name))
    documentation = () if ctx.attrs["documentation"] else _DEFAULT_EXCLUDE
    tree = deb_tree(ctx, debs, links=dict(ctx.attrs["links"]), exclude=(*documentation, *ctx.attrs["exclude"]))
    return [ToolchainInfo(tree), Files((NamedArtifact("tree", tree),))]


RULE = Rule(
    name="toolchain",
    doc="A tree of Debian packages from a lock, used as the root file system of sandboxed actions.",
    attrs={
        "lock": Attr(type=LabelOf(provides=("DebLockInfo",)), required=True, doc="The lock that the packages come from."),
        "debs": Attr(type=ListOf(item=String()), required=True, doc="Packages; what they depend on comes with them."),
        "without": Attr(type=ListOf(item=String()), default=(), doc="Packages to leave out of the closure, with what only they need."),
        "links": Attr(
            type=MapOf(value=String()), default={}, doc="Symbolic links to add, path to target: what maintainer scripts would have made."
        ),
        "documentation": Attr(type=Boolean(), default=False, doc="Keep documentation and locales: where a licence must go along."),
        "exclude": Attr(type=ListOf(item=String()), default=(), doc="Patterns of paths to leave out, beside documentation and locales."),
    },
    analyze=analyze,
)
