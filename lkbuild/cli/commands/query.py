"""`lkbuild query`: the graph, asked. Results stream: the first line does not wait for the last."""

from __future__ import annotations

from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS

OUTPUTS = ("label", "label_kind", "json", "dot")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="query",
        usage="[FLAGS] EXPRESSION",
        doc="""Prints the targets that an expression selects: a pattern, deps(X), rdeps(UNIVERSE, X), kind(RULE, X), and these combined
            by + (union), ^ (intersection) and - (except). Builds nothing.""",
        examples=(
            ("lkbuild query 'deps(//images:minimal)'", "all that an image is made of"),
            ("lkbuild query 'rdeps(//..., //pkg/runc)'", "all that a change of runc rebuilds"),
            ("lkbuild query 'kind(boot_test, //...)'", "every boot test"),
            ("lkbuild query 'deps(//images:minimal)' --output dot | dot -Tsvg > graph.svg", "a picture"),
        ),
        flags=(
            Flag(
                name="output",
                short="o",
                metavar="FORM",
                choices=OUTPUTS,
                doc=f"One of {', '.join(OUTPUTS)}; json is one object a line, --json one in all.",
            ),
            *CONFIGURATION_FLAGS,
            *PLACE_FLAGS,
            *DISPLAY_FLAGS,
        ),
        words=(1, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print the answer: line by line as it comes, or, with --json, as one object."""
    from lkbuild.app import query  # noqa: PLC0415 - not for --help

    expression, options = invocation.parsed.words[0], invocation.options()
    if invocation.console.json:
        from json import loads  # noqa: PLC0415 - the same

        targets = [loads(line) for line in query.query(options, expression, "json")]
        invocation.console.json_result({"version": 1, "ok": True, "targets": targets})
        return 0
    for line in query.query(options, expression, invocation.parsed.text("output") or "label"):
        invocation.console.result(line)
    return 0
