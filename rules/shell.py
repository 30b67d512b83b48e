"""What the rules that run a shell command share: its sources, its tools, its root file system and its variables.

Does not know what the command makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.model.action import Input
from lkbuild.model.artifact import Artifact
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, MapOf, String
from lkbuild.model.rule import RuleContext

from .providers import ToolchainInfo
from .toolchains.bundled import bundled_toolchain

SHELL_ATTRS: Final[Mapping[str, Attr]] = {
    "srcs": Attr(type=ListOf(item=File()), default=(), doc="Files that the command reads."),
    "tools": Attr(type=ListOf(item=File(execution=True)), default=(), doc="Programs that it runs: built for the execution architecture."),
    "cmd": Attr(type=String(), required=True, doc="The command, for `/bin/sh`."),
    "env": Attr(type=MapOf(value=String(lenient=True)), default={}, doc="More environment variables."),
    "toolchain": Attr(
        type=LabelOf(provides=("ToolchainInfo",), execution=True),
        doc="The root file system that it runs in. Default: busybox.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Where a command runs and what it sees.

    Attributes:
        root: the tree that becomes /.
        inputs: sources, then tools.
        environment: the target's own, with SRCS, TOOLS and ARCH.
    """

    root: Artifact
    inputs: tuple[Input, ...]
    environment: dict[str, str]


def shell_of(ctx: RuleContext) -> Shell:
    """What the attributes of a target say."""
    sources = ctx.inputs(ctx.attrs["srcs"])
    tools = ctx.inputs(ctx.attrs["tools"], execution=True)
    toolchain = ctx.attrs["toolchain"]
    return Shell(
        root=ctx.require(toolchain, ToolchainInfo, attr=("toolchain",), execution=True).tree if toolchain else bundled_toolchain(ctx),
        inputs=(*sources, *(tool for tool in tools if tool not in sources)),
        environment={
            **ctx.attrs["env"],
            "SRCS": " ".join(item.path for item in sources),
            "TOOLS": " ".join(item.path for item in tools),
            "ARCH": ctx.arch,
        },
    )
