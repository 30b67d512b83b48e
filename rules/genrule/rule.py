"""genrule: files made by a shell command.

Does not know what the command does. The shell is busybox's, from the bundled toolchain, unless the target names a toolchain.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, ListOf, String
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule, RuleContext, leads_out

from ..shell import SHELL_ATTRS, shell_of

_OUT_DIR = "out"
_LONGEST = 255  # NAME_MAX of Linux


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: the command, with SRCS, OUTS, OUT and OUT_DIR set."""
    outs: tuple[str, ...] = ctx.attrs["outs"]
    if not outs:
        ctx.fail("a command that makes no file never runs", attr=("outs",), hint="name the files that it makes")
    for number, name in enumerate(outs):
        if leads_out(name) or any(len(part) > _LONGEST for part in name.split("/")):
            hint = f"write it without . and .. between slashes, and {_LONGEST} characters there at most"
            ctx.fail(f"'{name}' is not the name of an output", attr=("outs", number), hint=hint)
    if len(set(outs)) != len(outs):
        ctx.fail("an output stands twice", attr=("outs",))
    shell = shell_of(ctx)
    paths = [f"{_OUT_DIR}/{name}" for name in outs]
    environment = {**shell.environment, "OUTS": " ".join(paths), "OUT_DIR": _OUT_DIR}
    if len(paths) == 1:
        environment["OUT"] = paths[0]
    outputs = ctx.run(
        "genrule",
        ["/bin/sh", "-c", f"set -eu -o pipefail\n{ctx.attrs['cmd']}"],
        root=shell.root,
        inputs=shell.inputs,
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
        **SHELL_ATTRS,
        "outs": Attr(
            type=ListOf(item=String(pattern=r"[A-Za-z0-9_.+-]+(/[A-Za-z0-9_.+-]+)*")),
            required=True,
            configurable=False,
            doc="Names of the files that it makes.",
        ),
    },
    analyze=analyze,
)
