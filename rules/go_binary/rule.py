"""go_binary: a static program from Go sources that use the standard library only.

Cross-compiles by itself: Go needs no toolchain per target. Does not know modules from outside.
"""

from __future__ import annotations

from typing import Any

from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput, Resources
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..providers import ToolchainInfo

_SCRIPT = """set -eu
export PATH="/usr/lib/go-$GO_VERSION/bin:$PATH" GOROOT="/usr/lib/go-$GO_VERSION"
out="$PWD/$1"
cd "$2"
exec go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o "$out" "$3"
"""


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: go build, offline."""
    name = ctx.attrs["out"] or ctx.label.name
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    module = "/".join(part for part in (ctx.label.package, ctx.attrs["module"]) if part and part != ".")
    (binary,) = ctx.run(
        "go",
        ["/bin/sh", "-c", _SCRIPT, "go_binary", f"out/{name}", module or ".", ctx.attrs["main"]],
        root=root,
        inputs=ctx.inputs(ctx.attrs["srcs"]),
        outputs=[DeclaredOutput(f"out/{name}")],
        environment={
            "CGO_ENABLED": "0",
            "GOARCH": ctx.arch,
            "GOCACHE": "/tmp/go-cache",
            "GOFLAGS": "-mod=mod",
            "GOOS": "linux",
            "GOPATH": "/tmp/go",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GO_VERSION": ctx.attrs["version"],
        },
        message=f"go build {ctx.label.short} for {ctx.arch}",
        resources=Resources(cpus=0),
    )
    return [Files((NamedArtifact(name, binary),))]


RULE = Rule(
    name="go_binary",
    doc="A statically linked program from Go sources that need nothing but the standard library.",
    attrs={
        "srcs": Attr(type=ListOf(item=File()), required=True, doc="The module's files: go.mod and sources."),
        "module": Attr(type=String(), default=".", doc="The folder of go.mod, from this package directory."),
        "main": Attr(type=String(), default=".", doc="The main package within the module."),
        "out": Attr(type=String(), doc="Name of the program. Default: the target's name."),
        "version": Attr(type=String(pattern=r"\d+\.\d+"), default="1.24", doc="The version of Go in the toolchain."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            default=Label("rules/toolchains", "go"),
            doc="The root file system with Go and a shell.",
        ),
    },
    analyze=analyze,
)
