"""Targets: what a BUILD.yaml declares, before a configuration is chosen. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from lkbuild.base.errors import Position
from lkbuild.base.label import Label, Pattern
from lkbuild.base.restoring import restored_quickly
from lkbuild.base.values import dataclass
from lkbuild.model.attrs import AttrPath, FrozenMap


@restored_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A named node of a BUILD.yaml.

    Attributes:
        label: its name.
        rule: the name of its rule.
        attrs: values of the rule's own attributes, coerced, defaults filled in; `Select`s unresolved.
        doc, tags, testonly, manual, visibility, arches: the attributes that every rule has. `visibility` None: the package's default.
        position: where the target's name stands.
        positions: where each attribute and each of its parts stands, by path.
    """

    label: Label
    rule: str
    attrs: FrozenMap
    doc: str = ""
    tags: tuple[str, ...] = ()
    testonly: bool = False
    manual: bool = False
    visibility: tuple[Pattern, ...] = ()
    arches: tuple[str, ...] = ()
    position: Position = field(compare=False)
    positions: Mapping[AttrPath, Position] = field(default_factory=dict, compare=False, repr=False)

    def at(self, *path: str | int) -> Position:
        """The position of an attribute or of a part of it; of the nearest thing around it that has one."""
        for end in range(len(path), 0, -1):
            found = self.positions.get(tuple(path[:end]))
            if found is not None:
                return found
        return self.position


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """All of one BUILD.yaml.

    Attributes:
        name: the package directory, "" for the root.
        targets: by name, in the order of the file.
        inputs: workspace-relative paths whose content went into this value (BUILD.yaml and text files): for the cache of parsed files.
        globs: (pattern, ...) tuples with the files that each matched, so that a new file can be noticed.
    """

    name: str
    targets: Mapping[str, Target]
    inputs: tuple[str, ...] = ()
    globs: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A build setting that the workspace declares: its values (the first is the default) and what it is for."""

    name: str
    values: tuple[str, ...]
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The `workspace:` section of the root BUILD.yaml.

    Attributes:
        name: shown to users.
        requires: lowest version of lkbuild that it works with.
        default_targets: what `lkbuild build` without patterns builds.
        settings: build settings by name.
        configs: named groups of settings, chosen by `--config=NAME`.
        ignore: directories that hold no packages.
    """

    name: str
    requires: str = ""
    default_targets: tuple[Pattern, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    position: Position | None = field(default=None, compare=False)


#: Attributes that every rule has, handled by the loader: documented here because `Target` carries them.
COMMON_ATTRS: Mapping[str, Any] = {
    "rule": "The kind of target.",
    "doc": "What the target is, in a sentence or more.",
    "tags": "Free words to filter by.",
    "testonly": "Only tests and testonly targets may depend on it.",
    "manual": "Wildcard patterns leave it out.",
    "visibility": "Patterns of packages that may depend on it: `public`, `private`, `//pkg/...`, `//a:all`.",
    "arches": "Architectures that it can be built for; empty: all.",
}
