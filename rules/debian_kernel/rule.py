"""debian_kernel: Debian's own kernel and the modules that an image needs, out of a linux-image package.

For who is in a hurry: nothing is compiled. Does not know which modules an image needs: the target lists them.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput, Input
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, String
from lkbuild.model.providers import Files, OutputGroups
from lkbuild.model.rule import Rule, RuleContext

from ..debs import package_of
from ..providers import KernelInfo, ToolchainInfo

_NAMES = ("kernel", "modules.tar", "config", "release")


def analyze(ctx: RuleContext) -> list[Any]:
    """Fetch the package; take the kernel out, and the closure of the wanted modules, decompressed."""
    entry, package = package_of(ctx, ctx.attrs["lock"], ctx.attrs["deb"], stands_for="linux-image-")
    file_name = f"{entry.name}.deb"
    wanted = ctx.inputs(ctx.attrs["modules"])
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    made = ctx.run(
        "debian_kernel",
        ["/bin/sh", "_tools/extract", file_name, "_out", *(item.path for item in wanted)],
        root=root,
        inputs=[Input(file_name, package), Input("_tools/extract", ctx.tool("extract")), *wanted],
        outputs=[DeclaredOutput(f"_out/{name}") for name in _NAMES],
        message=f"take kernel and modules out of {file_name}",
    )
    output = dict(zip(_NAMES, made, strict=True))
    named = {name: NamedArtifact(name, artifact) for name, artifact in output.items()}
    return [
        Files((named["kernel"], named["modules.tar"])),
        OutputGroups({"modules": (named["modules.tar"],), "config": (named["config"],), "release": (named["release"],)}),
        KernelInfo(
            image=output["kernel"],
            modules=output["modules.tar"],
            config=output["config"],
            release=output["release"],
            cmdline=ctx.attrs["cmdline"],
        ),
    ]


RULE = Rule(
    name="debian_kernel",
    doc="""Debian's kernel from a lock, with the modules that an image needs and all that these depend on.

The modules are decompressed: the initrd is compressed as a whole. Further outputs: `:x.modules`, `:x.config`, `:x.release`.""",
    attrs={
        "lock": Attr(type=LabelOf(provides=("DebLockInfo",)), required=True, doc="The lock that the package comes from."),
        "deb": Attr(
            type=String(pattern=r"linux-image-.+"),
            required=True,
            doc="The package, or the one that depends on it: `linux-image-cloud-amd64`.",
        ),
        "modules": Attr(
            type=ListOf(item=File()),
            default=(),
            doc="Files with a module name a line. A name that is neither a module nor built in is an error.",
        ),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            required=True,
            doc="Needs kmod, binutils, tar, xz-utils, mawk, grep, sed, findutils, coreutils, dash.",
        ),
        "cmdline": Attr(type=String(), default="", doc="What an image's kernel command line starts with, such as the console."),
    },
    analyze=analyze,
)
