"""`pypi_file`: one file of a Python package index (a wheel, a source archive), by its SHA-256. Emits the builtin fetch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, Integer, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

ATTRS = {
    "project": Attr(type=String(pattern=r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"), doc="The project's name.", required=True),
    "version": Attr(type=String(pattern=r"[A-Za-z0-9.!+_-]+", lenient=True), doc="Its version.", required=True),
    "filename": Attr(type=String(pattern=r"[A-Za-z0-9_.+!-]+"), doc="The file's name in the index.", required=True),
    "sha256": Attr(type=String(pattern=r"[0-9a-f]{64}"), doc="SHA-256 of the file: other bytes are refused.", required=True),
    "size": Attr(type=Integer(minimum=0), doc="Its size in bytes, where it is known: nothing larger is read."),
}


def analyze(ctx: RuleContext) -> Sequence[Any]:
    """Fetch it."""
    attrs = ctx.attrs
    filename = attrs["filename"]
    if _folded(attrs["version"]) not in _folded(filename) or not _folded(filename).startswith(_folded(attrs["project"])):
        ctx.fail(f"{filename} is no file of {attrs['project']} {attrs['version']}", attr=("filename",))
    size = attrs["size"]
    (output,) = ctx.builtin(
        "fetch",
        1,
        [f"sha256:{attrs['sha256']}", "-" if size is None else str(size)],
        outputs=[DeclaredOutput(filename)],
        message=f"fetch {filename}",
        sources=(f"pypi:{attrs['project']}/{filename}",),
    )
    return [Files((NamedArtifact(filename, output),))]


def _folded(text: str) -> str:
    """Names as an index compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", text).lower()


RULE = Rule(
    name="pypi_file",
    doc="A file of a Python package index, locked by its SHA-256. The index is the user's own (pip's configuration), else the public one.",
    attrs=ATTRS,
    analyze=analyze,
)
