"""kernel_source: Linux as Debian packages it (linux-source-*), and the small part of it that a configuration needs.

Two outputs of one target, so that a change of a fragment does not unpack 1.6 GB again. Does not know architectures or options.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, LabelOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..debs import package_of
from ..providers import KernelSourceInfo, ToolchainInfo

_TOOL_RULE = "kernel_config"


def analyze(ctx: RuleContext) -> list[Any]:
    """Fetch the package; unpack Kconfig files and scripts from the archive in it."""
    # The package is for all architectures; taken as the build machine's, so that every target architecture shares the node.
    entry, archive = package_of(ctx, ctx.attrs["lock"], ctx.attrs["deb"], execution=True)
    file_name = f"{entry.name}.deb"
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    (kconfig,) = ctx.run(
        "kconfig",
        ["/bin/sh", "_tools/unpack", file_name, "_out/kconfig"],
        root=root,
        inputs=[
            Input(file_name, archive),
            *(Input(f"_tools/{tool}", ctx.tool(tool, rule=_TOOL_RULE)) for tool in ("unpack", "linux.sh")),
        ],
        outputs=[DeclaredOutput("_out/kconfig", tree=True)],
        message=f"unpack Kconfig of {entry.name} {entry.version}",
    )
    return [Files((NamedArtifact(file_name, archive),)), KernelSourceInfo(archive=archive, name=file_name, kconfig=kconfig)]


RULE = Rule(
    name="kernel_source",
    doc="The source of Linux: Debian's `linux-source-*` package from a lock. What `kernel_config` and `kernel` take as `source`.",
    attrs={
        "lock": Attr(type=LabelOf(provides=("DebLockInfo",)), required=True, doc="The lock that the package comes from."),
        "deb": Attr(type=String(pattern=r"linux-source-[0-9.]+"), required=True, doc="The package, as `linux-source-6.12`."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            required=True,
            doc="Where it is unpacked: needs binutils, tar, xz-utils, findutils, coreutils, sed, dash.",
        ),
    },
    analyze=analyze,
)
