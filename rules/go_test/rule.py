"""go_test: the tests of a Go module, run in the sandbox.

They run where they were compiled, on the execution architecture. Does not know which tests there are.
"""

from __future__ import annotations

from typing import Any

from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.providers import Files, Test
from lkbuild.model.rule import Rule, RuleContext

from ..go import GO_ATTRS, go_action

# The report is what passed, without the times: the same sources give the same bytes. Where a test fails, all that it said is in the log.
_SCRIPT = """go vet ./... && go test -count=1 ./... > /tmp/said || { cat /tmp/said; exit 1; }
sed -n 's/^ok[[:space:]]*\\([^[:space:]]*\\).*/passed \\1/p' /tmp/said > "$out"
test -s "$out" || { echo "no package of the module has a test" >&2; exit 1; }
"""
_LOG = "tests.txt"


def analyze(ctx: RuleContext) -> list[Any]:
    """One action: go vet and go test, offline."""
    log = go_action(ctx, "go_test", _SCRIPT, out=f"out/{_LOG}", arch=ctx.configuration.exec_arch, message=f"go test {ctx.label.short}")
    return [Test(log), Files((NamedArtifact(_LOG, log),))]


RULE = Rule(
    name="go_test",
    doc="""The tests of a Go module that needs nothing but the standard library: `go vet` and `go test` of all its packages.

They run in the sandbox on the execution architecture, whatever `--arch` says.""",
    attrs=GO_ATTRS,
    analyze=analyze,
    test=True,
)
