"""Why an action runs: the keys of a build against those of the build before, told down to the leaf that changed.

Works on records and on the build that is going on alike (`Side`). Does not render anything: `lkbuild.cli.explained` does.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any, Final, Protocol

from lkbuild.app.attribute_text import naming
from lkbuild.app.history import Entry, History
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.keys.differences import Difference, Manifest, differences, leaves
from lkbuild.model.action import Source

_DIFF_LINES: Final = 40
_TEXT_BYTES: Final = 1 << 20
#: Kinds of differences that come from what a BUILD.yaml says rather than from what a file holds.
_FROM_ATTRIBUTES: Final = frozenset({"argument", "arguments", "environment", "platform", "inline", "input", "output", "timeout"})


class Side(Protocol):
    """The keys of one build: a record, or the build that is going on."""

    def manifest(self, recipe: str) -> Manifest | None:
        """The manifest of a recipe, or None."""
        ...

    def entry(self, recipe: str) -> Entry | None:
        """The action of a recipe, or None."""
        ...

    def attributes(self, owner: str) -> Mapping[str, str]:
        """Attributes of a node as text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChange:
    """An attribute of a BUILD.yaml that is not what it was."""

    name: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A leaf that changed, and how it reaches the action that was asked about.

    Attributes:
        kind: as `Difference.kind`, or `configuration`.
        name: which file, variable, argument.
        was, now: both values; None where there was, or is, none.
        action: the action that has it: `//p:a genrule`.
        position: `file:line` of its target, "" where that is not known.
        chain: actions from the one that has it to the one asked about.
        attribute: for a source, the attribute of that target that names it: `files[3].source`; "" where another target's does.
        attributes: those of its target that changed.
        diff: lines of a unified diff, where the values have several lines.
    """

    kind: str
    name: str
    was: str | None
    now: str | None
    action: str
    position: str = ""
    chain: tuple[str, ...] = ()
    attribute: str = ""
    attributes: tuple[AttributeChange, ...] = ()
    diff: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "was": self.was,
            "now": self.now,
            "action": self.action,
            "position": self.position or None,
            "chain": list(self.chain),
            "attribute": self.attribute or None,
            "attributes": [{"name": item.name, "was": item.was, "now": item.now} for item in self.attributes],
            "diff": list(self.diff),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one action runs.

    Attributes:
        action: `//p:a genrule`.
        reason: `first` (no build of it is known here), `changed`, `not_cached` (its key is as it was, but nothing holds its outputs),
            `failed` (it failed last time), `same` (nothing changed).
        changes: for `changed`.
    """

    action: str
    reason: str
    changes: tuple[Change, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {"action": self.action, "reason": self.reason, "changes": [change.to_json() for change in self.changes]}

    def brief(self) -> str:
        """A few words, for events."""
        if not self.changes:
            return self.reason
        first = self.changes[0]
        more = f" and {len(self.changes) - 1} more" if len(self.changes) > 1 else ""
        return f"changed: {first.kind} {first.name} of {first.action}{more}".replace("  ", " ")


#: Gives bytes by their digest as text, or None.
Content = Callable[[str], bytes | None]


class Explainer:
    """Explains the actions of one build by the history before it."""

    def __init__(self, history: History, side: Side, content: Content, *, before: str | None = None) -> None:
        """Make one.

        Args:
            history: of the workspace.
            side: the build to be explained.
            content: gives the bytes of inline inputs: for a diff.
            before: id of the recorded build that `side` is; None where it is not recorded yet.
        """
        self._history = history
        self._side = side
        self._content = content
        self._before = before

    def explain(self, entry: Entry, *, cached: bool = False) -> Explanation:
        """Why this action of the build runs (or would); `cached`: why it is looked up, though the cache has it."""
        found = self._history.find(entry.name, entry.place, before=self._before)
        if found is None:
            return Explanation(action=entry.text, reason="first")
        old, was = found
        if was.recipe == entry.recipe:
            failed = was.source == Source.FAILED.value
            return Explanation(action=entry.text, reason="same" if cached else "failed" if failed else "not_cached")
        return Explanation(action=entry.text, reason="changed", changes=tuple(self.changes(old, was, entry)))

    def changes(self, old: Side, was: Entry, now: Entry) -> Iterator[Change]:
        """All that makes `now` another action than `was`, which is one of the build `old`."""
        if was.configuration != now.configuration:
            yield Change(
                kind="configuration", name="", was=was.configuration, now=now.configuration, action=now.text, position=now.position
            )
        for found in leaves(was.recipe, now.recipe, old=old.manifest, new=self._side.manifest):
            yield self._change(old, found)

    def own_changes(self, old: Side, was: Entry, now: Entry) -> Iterator[Change]:
        """What changed of this action itself, apart from what it takes from others."""
        one, two = old.manifest(was.recipe), self._side.manifest(now.recipe)
        if one is None or two is None:
            return
        for found in differences(one, two):
            if found.kind != "recipe":
                yield self._change(old, replace(found, recipe_was=was.recipe, recipe_now=now.recipe))

    def _change(self, old: Side, found: Difference) -> Change:
        before, after = old.entry(found.recipe_was), self._side.entry(found.recipe_now)
        attributes: tuple[AttributeChange, ...] = ()
        if before is not None and after is not None and found.kind in _FROM_ATTRIBUTES:
            attributes = tuple(_attributes(old.attributes(before.owner), self._side.attributes(after.owner)))
        return Change(
            kind=found.kind,
            name=found.name,
            was=found.was,
            now=found.now,
            action=after.text if after else "",
            position=after.position if after else "",
            chain=tuple(self._name(recipe) for recipe in found.via),
            attribute=naming(self._side.attributes(after.owner), found.name) if after and found.kind == "source" else "",
            attributes=attributes,
            diff=self._diff(found),
        )

    def _name(self, recipe: str) -> str:
        entry = self._side.entry(recipe)
        return entry.text if entry else recipe[:16]

    def _diff(self, found: Difference) -> tuple[str, ...]:
        was, now = found.was, found.now
        if was is None or now is None:
            return ()
        if found.kind == "inline":
            was, now = self._text(was), self._text(now)
        elif found.kind not in ("argument", "arguments", "environment"):
            return ()
        if was is None or now is None or not ("\n" in was or "\n" in now):
            return ()
        lines = list(difflib.unified_diff(was.splitlines(), now.splitlines(), lineterm="", n=1))[2:]
        more = (f"... {len(lines) - _DIFF_LINES} more lines",) if len(lines) > _DIFF_LINES else ()
        return (*lines[:_DIFF_LINES], *more)

    def _text(self, value: str) -> str | None:
        """The text behind the digest of an inline input, or None for what is no text, too long or not kept."""
        digest = value.partition(" ")[0]
        if Digest.parse(digest).size > _TEXT_BYTES:
            return None
        data = self._content(digest)
        try:
            return data.decode() + "\n" if data is not None else None
        except UnicodeDecodeError:
            return None


def _attributes(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[AttributeChange]:
    for name in dict.fromkeys((*now, *was)):
        if was.get(name) != now.get(name):
            yield AttributeChange(name=name, was=was.get(name), now=now.get(name))
