"""`http_file`: one file from the web, by its SHA-256. Emits the builtin fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, Boolean, Integer, ListOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

ATTRS = {
    "urls": Attr(
        type=ListOf(item=String(pattern=r"https?://\S+"), single=True),
        doc="Where the file may come from; tried in order. They are no part of its identity.",
        required=True,
    ),
    "sha256": Attr(type=String(pattern=r"[0-9a-f]{64}"), doc="SHA-256 of the file: other bytes are refused.", required=True),
    "size": Attr(type=Integer(minimum=0), doc="Its size in bytes, where it is known: nothing larger is read."),
    "executable": Attr(type=Boolean(), doc="It is a program.", default=False),
    "name": Attr(type=String(pattern=r"[A-Za-z0-9_.+@=~-]+"), doc="The name that it gets; otherwise the last part of the first URL."),
}


def analyze(ctx: RuleContext) -> Sequence[Any]:
    """Fetch it."""
    urls = ctx.attrs["urls"]
    if not urls:
        ctx.fail("urls is empty", attr=("urls",))
    name = ctx.attrs["name"] or urls[0].partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
    size = ctx.attrs["size"]
    arguments = [f"sha256:{ctx.attrs['sha256']}", "-" if size is None else str(size)]
    if ctx.attrs["executable"]:
        arguments.append("executable")
    (output,) = ctx.builtin("fetch", 1, arguments, outputs=[DeclaredOutput(name)], message=f"fetch {name}", sources=tuple(urls))
    return [Files((NamedArtifact(name, output),))]


RULE = Rule(
    name="http_file",
    doc="A file from the web, locked by its SHA-256. It is fetched once and kept in the store; the URLs may change without a rebuild.",
    attrs=ATTRS,
    analyze=analyze,
)
