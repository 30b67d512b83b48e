"""Where in a rule's own files an error was raised, for whoever writes the rule. Does not know what the error is."""

from __future__ import annotations

from typing import Final

from lkbuild.base.errors import Position

#: Begins the names of the modules that rules are.
RULES: Final = "lkbuild_rules_"


def raised_at(error: BaseException) -> tuple[tuple[Position, str], ...]:
    """The innermost place of a rule that an error went through; none where it came from elsewhere."""
    import traceback  # noqa: PLC0415 - not for most builds

    frames = traceback.walk_tb(error.__traceback__)
    inside = [(frame, line) for frame, line in frames if str(frame.f_globals.get("__name__")).startswith(RULES)]
    if not inside:
        return ()
    summary = traceback.StackSummary.extract(iter(inside[-1:]))[0]
    text = summary.line or ""
    return ((Position(file=summary.filename, line=summary.lineno or 1, line_text=text), "raised here"),)
