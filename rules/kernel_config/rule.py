"""kernel_config: a kernel's .config from fragments, each option of which must hold.

One action, apart from compilation: an edit that gives the same .config compiles nothing. What a fragment may say, and what is
refused, is in docs/design/0101-kernel-configuration.md; the tools that do it are in tools/.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..providers import KernelConfigInfo, KernelSourceInfo, ToolchainInfo

_TOOLS = ("configure", "linux.sh", "merge.awk", "check.c")


def analyze(ctx: RuleContext) -> list[Any]:
    """Merge, resolve, and check the result against what was asked for."""
    source = ctx.require(ctx.attrs["source"], KernelSourceInfo, attr=("source",))
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    fragments = ctx.inputs(ctx.attrs["fragments"])
    if not fragments:
        ctx.fail("there are no fragments", attr=("fragments",))
    (config,) = ctx.run(
        "kernel_config",
        ["/bin/sh", "_tools/configure", ctx.arch, "_kconfig", "_out/config", *(fragment.path for fragment in fragments)],
        root=root,
        inputs=[*fragments, Input("_kconfig", source.kconfig), *(Input(f"_tools/{name}", ctx.tool(name)) for name in _TOOLS)],
        outputs=[DeclaredOutput("_out/config")],
        message=f"configure {ctx.label.short} for {ctx.arch}",
    )
    return [Files((NamedArtifact("config", config),)), KernelConfigInfo(config=config)]


RULE = Rule(
    name="kernel_config",
    doc="""A kernel's configuration from fragments.

A fragment is a file of lines `CONFIG_NAME=value` with comments. What no fragment asks for is off. Two fragments that contradict each
other, an option that does not exist, and an option that did not make it into the final configuration are errors that name the line and
the reason.""",
    attrs={
        "source": Attr(type=LabelOf(provides=("KernelSourceInfo",)), required=True, doc="The kernel's source: a `kernel_source`."),
        "fragments": Attr(type=ListOf(item=File()), required=True, doc="Fragments, in order; `select:` by architecture where they differ."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            required=True,
            doc="The toolchain that will compile it: Kconfig asks the compiler what it can.",
        ),
    },
    analyze=analyze,
)
