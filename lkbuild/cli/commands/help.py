"""`lkbuild help`: the overview, a verb, or a topic. Works without a workspace."""

from __future__ import annotations

from lkbuild.base.errors import UsageError, nearest
from lkbuild.cli.helptext import overview, verb_help
from lkbuild.cli.invocation import Command, Invocation
from lkbuild.cli.options import DISPLAY_FLAGS
from lkbuild.cli.topics import TOPICS
from lkbuild.cli.verbs import VERBS


def command() -> Command:
    """The declaration of the verb."""
    return Command(
        name="help",
        usage="[VERB|TOPIC]",
        doc="Without an argument, the list of verbs and topics.",
        examples=(("lkbuild help build", "flags and examples of a verb"), ("lkbuild help exit-codes", "a topic")),
        flags=DISPLAY_FLAGS,
        words=(0, 1),
        run=run,
    )


def run(invocation: Invocation) -> int:
    """Print help on stdout: it was asked for, so it is a result."""
    subject = invocation.parsed.words[0] if invocation.parsed.words else None
    text = _text(subject)
    if invocation.console.json:
        invocation.console.json_result({"subject": subject, "text": text})
    else:
        invocation.console.result(text)
    return 0


def _text(subject: str | None) -> str:
    if subject is None:
        return overview()
    if subject in TOPICS:
        return TOPICS[subject]()
    if subject in VERBS:
        from lkbuild.cli.main import load_command  # noqa: PLC0415 - only for a verb's help

        return verb_help(load_command(subject))
    known = (*VERBS, *TOPICS)
    raise UsageError(f"no help on '{subject}'", hint=nearest(subject, known) or "`lkbuild help` lists verbs and topics")
