"""kernel: Linux compiled from a configuration.

One action that uses all processors. Its key holds the .config's digest, not the fragments': the same configuration is compiled once.
The headers for user space are an action of their own, which no configuration is an input of.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import Artifact, NamedArtifact
from lkbuild.model.attrs import Attr, Boolean, LabelOf, String
from lkbuild.model.providers import Files, OutputGroups
from lkbuild.model.rule import Rule, RuleContext

from ..providers import KernelConfigInfo, KernelInfo, KernelSourceInfo, ToolchainInfo

_ALWAYS = ("kernel", "System.map", "config", "release")
_EFI = "vmlinuz.efi"
_TIMEOUT_S = 4 * 3600  # one slow processor, a large configuration


def analyze(ctx: RuleContext) -> list[Any]:
    """Compile; hand out the image, and the rest by group."""
    config = ctx.require(ctx.attrs["config"], KernelConfigInfo, attr=("config",)).config
    source = ctx.require(ctx.attrs["source"], KernelSourceInfo, attr=("source",))
    root = ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree
    with_modules: bool = ctx.attrs["modules"]
    names = (*_ALWAYS, *(["modules.tar"] if with_modules else []), *([_EFI] if ctx.attrs["zboot"] else []))
    script = "zboot" if ctx.attrs["zboot"] else "build"
    made = ctx.run(
        "kernel",
        ["/bin/sh", f"_tools/{script}", ctx.arch, source.name, "_config", "_out", "modules" if with_modules else "no-modules"],
        root=root,
        inputs=[
            Input(source.name, source.archive),
            Input("_config", config),
            Input("_tools/build", ctx.tool("build")),
            Input("_tools/linux.sh", ctx.tool("linux.sh", rule="kernel_config")),
            *([Input("_tools/zboot", ctx.tool("zboot"))] if ctx.attrs["zboot"] else []),
        ],
        outputs=[DeclaredOutput(f"_out/{name}") for name in names],
        message=f"compile {ctx.label.short} for {ctx.arch}",
        timeout_s=_TIMEOUT_S,
        resources=Resources(cpus=0, memory_mib=1500, seconds=600),
    )
    output = dict(zip(names, made, strict=True))
    named = {name: NamedArtifact(name, artifact) for name, artifact in output.items()}
    groups = {"map": "System.map", "config": "config", "release": "release", "modules": "modules.tar", "efi": _EFI}
    found = {group: (named[name],) for group, name in groups.items() if name in named}
    return [
        Files((named["kernel"],)),
        OutputGroups({**found, "headers": (NamedArtifact("headers.tar", _headers(ctx, source, root)),)}),
        KernelInfo(
            image=output["kernel"],
            efi=output.get(_EFI),
            modules=output.get("modules.tar"),
            config=config,
            release=output["release"],
            cmdline=ctx.attrs["cmdline"],
        ),
    ]


def _headers(ctx: RuleContext, source: KernelSourceInfo, root: Artifact) -> Artifact:
    (made,) = ctx.run(
        "headers",
        ["/bin/sh", "_tools/headers", ctx.arch, source.name, "_out/headers.tar"],
        root=root,
        inputs=[
            Input(source.name, source.archive),
            Input("_tools/headers", ctx.tool("headers")),
            Input("_tools/linux.sh", ctx.tool("linux.sh", rule="kernel_config")),
        ],
        outputs=[DeclaredOutput("_out/headers.tar")],
        message=f"headers of {ctx.label.short} for {ctx.arch}",
    )
    return made


RULE = Rule(
    name="kernel",
    doc="""Linux compiled from a `kernel_config`: what a boot loader starts.

That is a bzImage on amd64 and s390x, Image.gz on arm64, Image on riscv64. Reproducible: time, user, host, build number and paths are
fixed. Further outputs: `:x.config`, `:x.map` (System.map), `:x.release`, `:x.headers` (a tar of /usr/include), with `modules`
`:x.modules` (a layer with /lib/modules), and with `zboot` `:x.efi`, which firmware starts and unpacks.""",
    attrs={
        "config": Attr(type=LabelOf(provides=("KernelConfigInfo",)), required=True, doc="The configuration: a `kernel_config`."),
        "source": Attr(type=LabelOf(provides=("KernelSourceInfo",)), required=True, doc="The source that the configuration is for."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            required=True,
            doc="Compilers and tools; the one of the configuration, for the .config names its compiler.",
        ),
        "modules": Attr(type=Boolean(), default=False, doc="The configuration has CONFIG_MODULES=y: a modules layer is made."),
        "zboot": Attr(type=Boolean(), default=False, doc="The configuration has CONFIG_EFI_ZBOOT=y: an EFI program is made, too."),
        "cmdline": Attr(type=String(), default="", doc="What an image's kernel command line starts with, such as the console."),
    },
    analyze=analyze,
)
