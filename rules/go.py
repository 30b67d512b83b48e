"""What the rules of Go share: the toolchain, the module, and an environment in which nothing is fetched.

Does not know what is done with the module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput, Resources
from lkbuild.model.artifact import Output
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, String
from lkbuild.model.rule import RuleContext

from .providers import ToolchainInfo

GO_ATTRS: Final[Mapping[str, Attr]] = {
    "srcs": Attr(type=ListOf(item=File()), required=True, doc="The module's files: go.mod and sources."),
    "module": Attr(type=String(), default=".", doc="The folder of go.mod, from this package directory."),
    "version": Attr(type=String(pattern=r"\d+\.\d+"), default="1.24", doc="The version of Go in the toolchain."),
    "toolchain": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True),
        default=Label("rules/toolchains", "go"),
        doc="The root file system with Go and a shell.",
    ),
}
_PROLOGUE: Final = """set -eu
export PATH="/usr/lib/go-$GO_VERSION/bin:$PATH" GOROOT="/usr/lib/go-$GO_VERSION"
out="$PWD/$1"
cd "$2"
"""


def go_action(ctx: RuleContext, mnemonic: str, script: str, *, out: str, arch: str, arguments: Sequence[str] = (), message: str) -> Output:
    """One action: a script in the module's folder, with `$out` to write and `arguments` from `$3` on."""
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    module = "/".join(part for part in (ctx.label.package, ctx.attrs["module"]) if part and part != ".")
    (made,) = ctx.run(
        mnemonic,
        ["/bin/sh", "-c", _PROLOGUE + script, ctx.target.rule, out, module or ".", *arguments],
        root=root,
        inputs=ctx.inputs(ctx.attrs["srcs"]),
        outputs=[DeclaredOutput(out)],
        environment={
            "CGO_ENABLED": "0",
            "GOARCH": arch,
            "GOCACHE": "/tmp/go-cache",
            "GOFLAGS": "-mod=mod",
            "GOOS": "linux",
            "GOPATH": "/tmp/go",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GO_VERSION": ctx.attrs["version"],
        },
        message=message,
        resources=Resources(cpus=0, seconds=20),
    )
    return made
