"""Two manifests of keys compared: which named part of an action is another one, and from which leaf that comes.

A manifest is what `walk_recipe` writes into a `LinesSink`. Where an input is another because the action that makes it is, its
manifests are compared in turn, down to what is nobody's output: a file of the workspace, an argument, a variable. Pure; it does not
know where manifests are kept, nor what a target is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Final, TypeAlias

from lkbuild.base.values import dataclass

#: (name, value) pairs in the order of the walk.
Manifest: TypeAlias = tuple[tuple[str, str], ...]

_ARGUMENT: Final = re.compile(r"argument\[\d+\]\Z")
#: A part with fields: `input[src/a.c].source`. Paths may hold brackets and dots, so the last one counts.
_FIELD: Final = re.compile(r"(?P<part>(?P<kind>input|environment|platform)\[(?P<name>.*)\])\.(?P<field>[a-z]+)\Z", re.DOTALL)
_OTHER: Final = re.compile(r"(?P<kind>[a-z_]+)(?:\[(?P<name>.*)\])?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part of one action that is not what it was.

    Attributes:
        kind: `source`, `inline`, `input` (one that came or went), `argument`, `arguments` (their number), `environment`, `platform`,
            `output`, `timeout`, or `recipe` (of something whose manifest is not known).
        name: which one: a path (of a source, in the workspace), a variable, an index; "/" for the root file system.
        was, now: both values; None where there was, or is, none. Several arguments stand one a line.
        recipe_was, recipe_now: recipe keys of the action that has it, in the two builds.
        via: recipe keys (now) of the actions that the change reaches through, from the one with the difference to the one asked for.
    """

    kind: str
    name: str
    was: str | None
    now: str | None
    recipe_was: str = ""
    recipe_now: str = ""
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a manifest: its fields, in order. `file` is where a source lies, which is in no key."""

    kind: str
    name: str
    fields: Mapping[str, str]
    file: str = field(default="", compare=False)

    @property
    def shown(self) -> str:
        """What people know it by."""
        return self.file or self.name

    def value(self) -> str:
        """For people: what kind of thing it is, and which."""
        for origin in ("source", "inline", "recipe", "value"):
            if origin in self.fields:
                executable = " executable" if self.fields.get("executable") == "1" else ""
                output = f" {self.fields['output']}" if "output" in self.fields else ""
                prefix = "" if origin in ("source", "inline", "value") else "output of "
                return f"{prefix}{self.fields[origin]}{output}{executable}"
        return "" if self.kind == "environment" else " ".join(self.fields.values())


def differences(was: Manifest, now: Manifest) -> Iterator[Difference]:
    """The parts that differ, in the order in which they stand; inputs made by actions have kind `recipe`."""
    yield from _arguments(was, now)
    old, new = _parts(was), _parts(now)
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield _difference(before, after)


def leaves(
    was: str,
    now: str,
    *,
    old: Callable[[str], Manifest | None],
    new: Callable[[str], Manifest | None],
) -> Iterator[Difference]:
    """All that makes one recipe another one, each leaf once, by the shortest way.

    Args:
        was: hash of the recipe key of then.
        now: that of now.
        old: finds the manifest of a recipe of then by its hash.
        new: the same for now.
    """
    waiting: deque[tuple[str, str, tuple[str, ...]]] = deque([(was, now, (now,))])
    seen = {(was, now)}
    told: set[tuple[str, str, str | None, str | None]] = set()
    while waiting:
        before, after, way = waiting.popleft()
        one, two = old(before), new(after)
        if one is None or two is None:
            yield Difference(kind="recipe", name="", was=before, now=after, recipe_was=before, recipe_now=after, via=way)
            continue
        for found in differences(one, two):
            if found.kind == "recipe" and found.was is not None and found.now is not None:
                below = (found.was.partition("/")[0], found.now.partition("/")[0])
                if below not in seen:
                    seen.add(below)
                    waiting.append((*below, (below[1], *way)))
                continue
            # One file of the workspace may go into many actions: it is one leaf.
            key = (found.kind, found.name if found.kind == "source" else f"{after} {found.name}", found.was, found.now)
            if key not in told:
                told.add(key)
                yield Difference(
                    kind=found.kind, name=found.name, was=found.was, now=found.now, recipe_was=before, recipe_now=after, via=way
                )


def _arguments(was: Manifest, now: Manifest) -> Iterator[Difference]:
    before, after = ([value for name, value in lines if _ARGUMENT.match(name)] for lines in (was, now))
    if len(before) == len(after):
        for index, (one, two) in enumerate(zip(before, after, strict=True)):
            if one != two:
                yield Difference(kind="argument", name=str(index), was=one, now=two)
    else:
        yield Difference(kind="arguments", name="", was="\n".join(before), now="\n".join(after))


def _parts(manifest: Manifest) -> dict[str, _Part]:
    found: dict[str, _Part] = {}
    for name, value in manifest:
        if _ARGUMENT.match(name):
            continue
        match = _FIELD.match(name)
        if match is None:
            other = _OTHER.match(name)
            kind, inner = (other["kind"], other["name"] or "") if other else (name, "")
            found[name] = _Part(kind, inner, {"value": value})
            continue
        part = found.setdefault(match["part"], _Part(match["kind"], match["name"], {}))
        if match["field"] == "file":
            found[match["part"]] = replace(part, file=value)
        elif match["field"] not in ("name", "path"):
            found[match["part"]] = replace(part, fields={**part.fields, match["field"]: value})
    return found


def _difference(before: _Part | None, after: _Part | None) -> Difference:
    part = after or before
    if part is None:
        msg = "a part that is in neither manifest"
        raise AssertionError(msg)
    kind = part.kind
    if kind == "input" and before is not None and after is not None:
        for origin in ("recipe", "source", "inline"):
            if origin in before.fields and origin in after.fields:
                kind = origin
    if kind == "recipe" and before is not None and after is not None:
        if before.fields["recipe"] == after.fields["recipe"]:
            return Difference(kind="input", name=part.name, was=before.value(), now=after.value())
        return Difference(kind=kind, name=part.name, was=before.fields["recipe"], now=after.fields["recipe"])
    was, now = before.value() if before else None, after.value() if after else None
    if kind == "source" and before is not None and before.file != part.file:
        was = f"{was} of {before.shown}"
    return Difference(kind=kind, name=part.shown, was=was, now=now)
