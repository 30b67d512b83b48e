"""c_binary: a static program from C sources, for any architecture, by zig's C compiler and musl.

One compiler serves every target: it brings clang, a linker, and each architecture's C library as sources. Compiling that library is an
action of its own, the same one for all programs of an architecture. Does not know libraries from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lkbuild.base.label import Label
from lkbuild.model.action import DeclaredOutput, Input, Resources
from lkbuild.model.artifact import NamedArtifact, Output
from lkbuild.model.attrs import Attr, File, LabelOf, ListOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext

from ..providers import ToolchainInfo
from ..toolchains.bundled import bundled_toolchain

#: Architectures as zig has them.
_TARGETS: Final = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x"}
#: What a program is linked from; headers are found where they are included.
_COMPILED: Final = (".c", ".S", ".s")


def analyze(ctx: RuleContext) -> list[Any]:
    """Two actions: what programs of the architecture are linked with, and the program."""
    name = ctx.attrs["out"] or ctx.label.name
    sources = ctx.inputs(ctx.attrs["srcs"])
    compiled = [item.path for item in sources if item.path.endswith(_COMPILED)]
    if not compiled:
        ctx.fail("there is nothing to compile", attr=("srcs",), hint="a C source ends in .c")
    target = f"{_TARGETS[ctx.arch]}-linux-musl"
    runtime = _run(ctx, "runtime", [target, "out"], DeclaredOutput("out", tree=True), (), f"C library for {ctx.arch}", 60)
    program = _run(
        ctx,
        "compile",
        [target, "_runtime", f"out/{name}", *ctx.attrs["flags"], "--", *compiled],
        DeclaredOutput(f"out/{name}"),
        (Input("_runtime", runtime), *sources),
        f"compile {ctx.label.short} for {ctx.arch}",
        1,
    )
    return [Files((NamedArtifact(name, program),))]


def _run(
    ctx: RuleContext, tool: str, arguments: Sequence[str], output: DeclaredOutput, inputs: Sequence[Input], message: str, seconds: float
) -> Output:
    """One action by a script of `tools/`, in the compiler's tree; its shell is brought along, for that tree has none."""
    (made,) = ctx.run(
        f"c_{tool}",
        ["_shell/usr/bin/busybox", "sh", f"_tools/{tool}", *arguments],
        root=ctx.require(ctx.attrs["toolchain"], ToolchainInfo, attr=("toolchain",), execution=True).tree,
        inputs=[Input("_shell", bundled_toolchain(ctx)), Input(f"_tools/{tool}", ctx.tool(tool)), *inputs],
        outputs=[output],
        environment={"ZIG_GLOBAL_CACHE_DIR": "/tmp/zig", "ZIG_LOCAL_CACHE_DIR": "/tmp/zig"},
        message=message,
        resources=Resources(cpus=0 if tool == "runtime" else 1, seconds=seconds),
    )
    return made


RULE = Rule(
    name="c_binary",
    doc="""A statically linked program from C sources that need the C library alone (musl).

It is cross-compiled by one toolchain for every architecture, without emulation: `lkbuild build --arch all //x` makes four.""",
    attrs={
        "srcs": Attr(type=ListOf(item=File()), required=True, doc="Sources (`.c`, `.S`) and the headers that they include."),
        "flags": Attr(
            type=ListOf(item=String(pattern=r"\S+")), default=(), doc="More arguments of the compiler: `-Wall`, `-DNAME=1`, `-O2`."
        ),
        "out": Attr(type=String(), doc="Name of the program. Default: the target's name."),
        "toolchain": Attr(
            type=LabelOf(provides=("ToolchainInfo",), execution=True),
            default=Label("rules/toolchains", "zig"),
            doc="A tree with zig's compiler as `/zig`.",
        ),
    },
    analyze=analyze,
)
