"""`lkbuild info`: what lkbuild knows, for people and for editors."""

from __future__ import annotations

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import CONFIGURATION_FLAGS, DISPLAY_FLAGS, PLACE_FLAGS
from lkbuild.cli.tables import as_lines

TOPICS = ("workspace", "store", "rules", "schema", "trace")


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="info",
        usage="[workspace|store|rules|schema|trace]",
        doc="""workspace: its root, configurations and settings. store: where it is and what it holds. rules: the rules that a BUILD.yaml
            may name, with their attributes. schema: a JSON Schema of BUILD.yaml for editors. trace: the path of the timeline of the newest
            build, for ui.perfetto.dev.""",
        examples=(("lkbuild info", "the workspace"), ("lkbuild info schema > BUILD.schema.json", "for an editor")),
        flags=(*CONFIGURATION_FLAGS, *PLACE_FLAGS, *DISPLAY_FLAGS),
        words=(0, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print one of them."""
    topic = invocation.parsed.words[0] if invocation.parsed.words else TOPICS[0]
    if topic not in TOPICS:
        raise UsageError(f"no `lkbuild info {topic}`", hint=nearest(topic, TOPICS) or f"there are: {', '.join(TOPICS)}")
    from lkbuild.app import info  # noqa: PLC0415 - not for --help

    use_case = {
        "workspace": info.workspace,
        "store": info.store,
        "rules": info.rules,
        "schema": info.schema,
        "trace": info.trace,
    }[topic]
    value = use_case(invocation.options())
    if invocation.console.json or topic == "schema":
        invocation.console.json_result(value)
    elif topic == "trace":
        invocation.console.result(value["trace"])
    else:
        for line in as_lines(value):
            invocation.console.result(line)
    return 0
