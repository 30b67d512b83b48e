"""Explanations as text: the leaf that changed, both values, and how it gets to what was asked about. Writes nothing itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lkbuild.cli.console import Style
from lkbuild.cli.render import printable

if TYPE_CHECKING:
    from lkbuild.app.explanation import AttributeChange, Change, Explanation
    from lkbuild.app.keydiff import KeyDiff
    from lkbuild.app.why import LastBuild, TargetWhy

_DIGEST: Final = re.compile(r"\b([0-9a-f]{16})[0-9a-f]{48}(?:/(\d+))?")
_WIDTH: Final = 160
#: A way through more actions than this is shown by its ends.
_CHAIN: Final = 6

_REASONS: Final = {
    "first": "it was never built here",
    "not_cached": "nothing changed, but the cache does not hold its outputs",
    "failed": "nothing changed: it failed last time",
    "same": "nothing changed",
}
_STATES: Final = {"up_to_date": "up to date", "would_run": "would run", "cached": "in the cache, though not from the last build"}
_KINDS: Final = {
    "source": "file",
    "inline": "file written by the rule:",
    "input": "input",
    "argument": "argument",
    "arguments": "arguments",
    "environment": "environment variable",
    "platform": "platform property",
    "output": "output",
    "timeout": "time limit",
    "configuration": "configuration",
    "recipe": "key",
}


def target_lines(found: TargetWhy, style: Style) -> Iterator[str]:
    """A target, and for each of its actions what makes it run."""
    state = _STATES[found.state]
    several = f" ({found.needed} actions to run or look up)" if found.needed > 1 else ""
    yield f"{style(found.label, 'bold')} ({found.configuration}): {state}{several}"
    for item in found.explanations:
        yield from explanation_lines(item, style)


def last_lines(found: LastBuild, style: Style) -> Iterator[str]:
    """A build that was: each action that ran with its reason."""
    targets = ", ".join(found.targets[:3]) + (f" and {len(found.targets) - 3} more" if len(found.targets) > 3 else "")
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(found.counts.items()))
    yield f"{style(found.id, 'bold')}: {targets}: {counts}"
    for item in found.explanations:
        yield from explanation_lines(item, style)


def diff_lines(found: KeyDiff, style: Style) -> Iterator[str]:
    """Two keys or two builds: what differs, the first first."""
    yield f"{style(found.was, 'bold')} and {style(found.now, 'bold')}{': no difference' if found.equal else ''}"
    for change in found.changes:
        yield from change_lines(change, style, "  ")
    for item in found.results:
        yield f"  {style('result', 'yellow')} {item.path} of {item.action}: the key is the same, the bytes are not"
        yield from _values(item.was, item.now, (), style, "    ")
    for title, names in (("only in the first", found.gone), ("only in the second", found.added)):
        for name in names:
            yield f"  {style(title, 'yellow')}: {name}"


def explanation_lines(found: Explanation, style: Style) -> Iterator[str]:
    """One action: in a line where nothing changed, else with every leaf."""
    if found.reason != "changed":
        yield f"  {found.action}: {_REASONS[found.reason]}"
        return
    yield f"  {found.action}: changed"
    for change in found.changes:
        yield from change_lines(change, style)


def change_lines(change: Change, style: Style, indent: str = "    ") -> Iterator[str]:
    """A leaf with both values."""
    name = "" if change.name == "/" else f" {printable(change.name)}" if change.name else ""
    what = "root file system" if change.name == "/" else _KINDS.get(change.kind, change.kind)
    owner = f" of {change.action}" if change.kind not in ("source", "configuration") and change.action else ""
    if change.attribute:
        owner = f", {printable(change.attribute)} of {change.action}"
    where = f" ({change.position})" if change.position and (change.kind != "source" or change.attribute) else ""
    yield f"{indent}{style(f'{what}{name}', 'yellow')}{owner}{where}"
    yield from _values(change.was, change.now, change.diff, style, indent + "  ")
    for attribute in change.attributes:
        yield _attribute(attribute, indent + "  ")
    if len(change.chain) > 1:
        yield f"{indent}  by  {' -> '.join(_shortened(change.chain))}"


def _attribute(attribute: AttributeChange, indent: str) -> str:
    """Both values of an attribute where they are short; a longer one is in the diff above."""
    several = any("\n" in (value or "").rstrip("\n") for value in (attribute.was, attribute.now))
    values = "" if several else f": {shown(attribute.was)} -> {shown(attribute.now)}"
    return f"{indent}from attribute {attribute.name}{values}"


def _values(was: str | None, now: str | None, diff: tuple[str, ...], style: Style, indent: str) -> Iterator[str]:
    if not diff:
        yield f"{indent}was {shown(was)}"
        yield f"{indent}now {shown(now)}"
        return
    for line in diff:
        if line.startswith("@@"):  # line numbers of something that is in no file
            continue
        color = {"-": "red", "+": "green"}.get(line[:1], "dim")
        yield indent + style(printable(line)[:_WIDTH], color)


def shown(value: str | None) -> str:
    """A value in one line; digests by their beginning."""
    if value is None:
        return "none"
    text = _DIGEST.sub(lambda found: found[1] + (f" ({found[2]} bytes)" if found[2] else ""), printable(value))
    text = text.rstrip("\n").replace("\n", "\\n")
    return repr(text) if not text or text != text.strip() else text if len(text) <= _WIDTH else text[:_WIDTH] + "…"


def _shortened(chain: tuple[str, ...]) -> tuple[str, ...]:
    if len(chain) <= _CHAIN:
        return chain
    return (*chain[:2], f"{len(chain) - 4} more", *chain[-2:])
