"""`lkbuild query`: the graph, asked. Results stream: the first line does not wait for the last."""

from __future__ import annotations

from lkbuild.cli.flags import Flag
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS

OUTPUTS = ("label", "label_kind", "json", "dot", "graphml", "build")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="query",
        usage="[FLAGS] EXPRESSION",
        doc="""Prints the targets that an expression selects: a pattern, deps(X), rdeps(UNIVERSE, X), somepath(A, B), allpaths(A, B),
            kind(REGEX, X), attr(NAME, REGEX, X), filter(REGEX, X), and these combined by + (union), ^ (intersection) and - (except).
            deps and rdeps take a depth as last argument; attr matches what is no text as JSON. Builds nothing.

            With --actions, the actions of these targets: command, environment, inputs and outputs, one JSON object a line.""",
        examples=(
            ("lkbuild query 'deps(//images:minimal)'", "all that an image is made of"),
            ("lkbuild query 'rdeps(//..., //pkg/runc)'", "all that a change of runc rebuilds"),
            ("lkbuild query 'kind(boot_test, //...)'", "every boot test"),
            ("lkbuild query --actions //pkg/init", "what runs for a target"),
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
            Flag(name="actions", doc="Print the actions of the targets, one JSON object a line."),
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
    actions = invocation.parsed.switch("actions")
    if invocation.console.json:
        from json import loads  # noqa: PLC0415 - the same

        found = [loads(line) for line in query.query(options, expression, "actions" if actions else "json")]
        invocation.console.json_result({"version": 1, "ok": True, "actions" if actions else "targets": found})
        return 0
    for line in query.query(options, expression, "actions" if actions else invocation.parsed.text("output") or "label"):
        invocation.console.result(line)
    return 0
