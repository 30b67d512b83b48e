"""Help, written from what verbs and flags say of themselves. Returns text; prints nothing.

The overview is made without importing any verb, nor typing or dataclasses: `lkbuild --help` takes what Python takes to start.
"""

from __future__ import annotations

from lkbuild.cli.verbs import TOPIC_SUMMARIES, VERBS

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lkbuild.cli.flags import Flag
    from lkbuild.cli.invocation import Command

_WIDTH = 100


def overview() -> str:
    """What `lkbuild --help` prints."""
    return "\n".join(
        [
            "lkbuild builds Linux images: what changed and nothing else, the rest from the cache.",
            "",
            "usage: lkbuild [VERB] [FLAGS] [LABEL...]      `lkbuild //images:minimal` is `lkbuild build //images:minimal`",
            "",
            "verbs:",
            *columns(VERBS.items()),
            "",
            "topics (lkbuild help TOPIC):",
            *columns(TOPIC_SUMMARIES.items()),
            "",
            "`lkbuild help VERB` has its flags and examples. Every flag may be a variable too: LKBUILD_KEEP_GOING=1.",
        ]
    )


def verb_help(command: Command) -> str:
    """What `lkbuild help VERB` prints."""
    from textwrap import fill  # noqa: PLC0415 - not for the overview

    parts = [f"usage: lkbuild {command.name} {command.usage}".rstrip(), "", _sentence(VERBS[command.name])]
    for paragraph in command.doc.split("\n\n") if command.doc else ():
        parts += ["", fill(" ".join(paragraph.split()), _WIDTH)]
    if command.examples:
        parts += ["", "examples:", *columns(command.examples)]
    parts += ["", "flags:", *columns((spelling(flag), flag.doc) for flag in command.flags)]
    return "\n".join(parts)


def _sentence(summary: str) -> str:
    """`run a target in QEMU` as a sentence; `str.capitalize` would make it `qemu`."""
    return summary[:1].upper() + summary[1:] + "."


def spelling(flag: Flag) -> str:
    """`-j, --jobs N`."""
    short = f"-{flag.short}, " if flag.short else "    "
    return f"{short}--{flag.name}{' ' + flag.metavar if flag.metavar else ''}"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Two columns, indented; the second starts where the longest of the first (within reason) ends."""
    pairs = [(row[0], row[1]) for row in rows]
    width = max((len(left) for left, _ in pairs if len(left) <= 48), default=0)
    return [f"  {left:<{width}}  {right}".rstrip() for left, right in pairs]
