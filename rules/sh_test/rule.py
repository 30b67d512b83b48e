"""sh_test: a shell command that must end with 0.

Does not know what the command looks at. The shell is busybox's, from the bundled toolchain, unless the target names a toolchain.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.attrs import Attr, Integer
from lkbuild.model.providers import Files, Test
from lkbuild.model.rule import Rule, RuleContext

from ..shell import SHELL_ATTRS, shell_of

_LOG = "test.log"
# A shell of its own: `exit 0` in the command ends the command and not the test.
_SCRIPT = '/bin/sh -eu -o pipefail -c "$1" > "$2" 2>&1 || { code=$?; cat "$2"; exit "$code"; }'


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: the command, with SRCS, TOOLS and ARCH set; what it prints is the test's log."""
    shell = shell_of(ctx)
    (log,) = ctx.run(
        "sh_test",
        ["/bin/sh", "-c", _SCRIPT, "sh_test", ctx.attrs["cmd"], f"out/{_LOG}"],
        root=shell.root,
        inputs=shell.inputs,
        outputs=[DeclaredOutput(f"out/{_LOG}")],
        environment=shell.environment,
        timeout_s=ctx.attrs["timeout_s"],
        message=f"test {ctx.label.short}",
    )
    return [Test(log), Files((NamedArtifact(_LOG, log),))]


RULE = Rule(
    name="sh_test",
    doc="""A shell command that must end with 0, under `set -eu -o pipefail`, in the sandbox.

`SRCS` has the paths of the sources, `TOOLS` those of the tools, `ARCH` the target architecture. What passed is not run again until its
inputs change.""",
    attrs={
        **SHELL_ATTRS,
        "timeout_s": Attr(type=Integer(minimum=1), default=300, doc="Seconds that it may take."),
    },
    analyze=analyze,
    test=True,
)
