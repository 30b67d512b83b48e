"""genrule: files made by a shell command.

Does not know what the command does. The shell is busybox's, from the bundled toolchain, unless the target names a toolchain.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, MapOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..providers import ToolchainInfo
from ..toolchains.bundled import bundled_toolchain

_OUT_DIR = "out"


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: the command, with SRCS, OUTS, OUT and OUT_DIR set."""
    outs: tuple[str, ...] = ctx.attrs["outs"]
    if len(set(outs)) != len(outs):
        ctx.fail("an output stands twice", attr=("outs",))
    sources = ctx.inputs(ctx.attrs["srcs"])
    tools = ctx.inputs(ctx.attrs["tools"], execution=True)
    paths = [f"{_OUT_DIR}/{name}" for name in outs]
    environment = {
        **ctx.attrs["env"],
        "SRCS": " ".join(item.path for item in sources),
        "TOOLS": " ".join(item.path for item in tools),
        "OUTS": " ".join(paths),
        "OUT_DIR": _OUT_DIR,
        "ARCH": ctx.arch,
    }
    if len(paths) == 1:
        environment["OUT"] = paths[0]
    toolchain = ctx.attrs["toolchain"]
    root = ctx.require(toolchain, ToolchainInfo, attr=("toolchain",), execution=True).tree if toolchain else bundled_toolchain(ctx)
    outputs = ctx.run(
        "genrule",
        ["/bin/sh", "-c", f"set -eu -o pipefail\n{ctx.attrs['cmd']}"],
        root=root,
        inputs=(*sources, *(tool for tool in tools if tool not in sources)),
        outputs=[DeclaredOutput(path) for path in paths],
        environment=environment,
    )
    return [Files(tuple(NamedArtifact(name, output) for name, output in zip(outs, outputs, strict=True)))]


RULE = Rule(
    name="genrule",
    doc="""Files made by a shell command.

The command runs in the sandbox under `set -eu -o pipefail`, with these variables set:

- `SRCS`: the paths of the sources, `TOOLS`: those of the tools,
- `OUTS`: the paths of the outputs, `OUT`: the path of the output where there is one,
- `OUT_DIR`: the folder of the outputs, `ARCH`: the target architecture.""",
    attrs={
        "srcs": Attr(type=ListOf(item=File()), default=(), doc="Files that the command reads."),
        "tools": Attr(
            type=ListOf(item=File(execution=True)), default=(), doc="Programs that it runs: built for the execution architecture."
        ),
        "outs": Attr(
            type=ListOf(item=String(pattern=r"[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*")),
            required=True,
            configurable=False,
            doc="Names of the files that it makes.",
        ),
        "cmd": Attr(type=String(), required=True, doc="The command, for `/bin/sh`."),
        "env": Attr(type=MapOf(value=String(lenient=True)), default={}, doc="More environment variables."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            doc="The root file system that it runs in. Default: busybox.",
        ),
    },
    analyze=analyze,
)
