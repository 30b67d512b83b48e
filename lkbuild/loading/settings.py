"""The `workspace:` section of the root BUILD.yaml, and the conditions that its settings allow in a select. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lkbuild.base.errors import LoadError, nearest
from lkbuild.base.label import LabelError, Pattern
from lkbuild.loading.coerce import Coercer, Scope
from lkbuild.loading.listing import Files
from lkbuild.model.attrs import Attr, AttrPath, FrozenMap, ListOf, MapOf, String, Struct
from lkbuild.model.configuration import ARCHES
from lkbuild.model.target import Setting, Workspace
from lkbuild.syntax.nodes import Fields, Node
from lkbuild.syntax.source import Source

_WORD: Final = r"[a-z][a-z0-9_-]*"
_VALUE: Final = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"

_SETTING: Final = {
    "values": Attr(
        type=ListOf(item=String(pattern=_VALUE, lenient=True)),
        doc="What it can be; the first is the default.",
        required=True,
        configurable=False,
    ),
    "doc": Attr(type=String(), doc="What it is for.", default="", configurable=False),
}
WORKSPACE: Final = {
    "name": Attr(
        type=String(pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*"), doc="The workspace's name, shown to users.", required=True, configurable=False
    ),
    "requires": Attr(
        type=String(pattern=r"[0-9]+(\.[0-9]+)*", lenient=True),
        doc="The lowest version of lkbuild that it works with.",
        default="",
        configurable=False,
    ),
    "default_targets": Attr(
        type=ListOf(item=String(), single=True), doc="Patterns that `lkbuild build` without any builds.", default=(), configurable=False
    ),
    "settings": Attr(
        type=MapOf(value=Struct(fields=_SETTING), key_pattern=_WORD),
        doc="Build settings, for `select:`.",
        default=FrozenMap(),
        configurable=False,
    ),
    "configs": Attr(
        type=MapOf(value=MapOf(value=String(lenient=True)), key_pattern=_WORD),
        doc="Named groups of settings, chosen by --config=NAME.",
        default=FrozenMap(),
        configurable=False,
    ),
    "ignore": Attr(type=ListOf(item=String()), doc="Directories that hold no packages.", default=(), configurable=False),
}


def conditions(settings: Mapping[str, Setting]) -> frozenset[str]:
    """What may stand in a select: architectures and `setting=value`."""
    return frozenset(ARCHES) | {f"{name}={value}" for name, setting in settings.items() for value in setting.values}


def workspace_of(source: Source, root: Fields, files: Files, version: str) -> Workspace:
    """The workspace that a root BUILD.yaml declares. `version` is this lkbuild's. Raises LoadError."""
    node = root.get("workspace")
    if node is None:
        raise source.error(
            (0, 0), "the root BUILD.yaml has no workspace section", "write workspace: and name: below it (or run lkbuild init)"
        )
    return _Section(Coercer(Scope(source, "", files)), node).read(version)


class _Section:
    """Reads the section: types by the shared coercion, then what only this section means."""

    def __init__(self, coercer: Coercer, node: Node) -> None:
        self.coercer = coercer
        self.node = node

    def error(self, path: AttrPath, message: str, hint: str | None) -> LoadError:
        """An error at a part of the section."""
        spots = self.coercer.spots
        spot = next((spots[path[:end]] for end in range(len(path), 0, -1) if path[:end] in spots), self.node.spot)
        return self.coercer.scope.source.error(spot, message, hint)

    def read(self, version: str) -> Workspace:
        if not isinstance(self.node, Fields):
            raise self.coercer.fail(self.node, "expected the workspace's settings", "write name: below workspace:")
        raw = self.coercer.fields(self.node, WORKSPACE, (), what="setting of the workspace")
        if _version(raw["requires"]) > _version(version):
            raise self.error(("requires",), f"this workspace needs lkbuild {raw['requires']} or later; this is {version}", "update lkbuild")
        settings = {name: self._setting(name, value) for name, value in raw["settings"].items()}
        for name, chosen in raw["configs"].items():
            for setting, value in chosen.items():
                self._check_config(settings, ("configs", name, setting), setting, value)
        return Workspace(
            name=raw["name"],
            requires=raw["requires"],
            default_targets=tuple(self._patterns(raw["default_targets"])),
            settings=FrozenMap(settings),
            configs=raw["configs"],
            ignore=tuple(self._ignored(raw["ignore"])),
            position=self.coercer.scope.source.position(self.node.spot),
        )

    def _setting(self, name: str, value: Mapping[str, Any]) -> Setting:
        path = ("settings", name)
        if name in ("default", "arch", *ARCHES):
            raise self.error(path, f"a setting can't be called '{name}'", "it has a meaning of its own")
        if not value["values"]:
            raise self.error((*path, "values"), f"the setting '{name}' has no values", "list them, the default first")
        seen: set[str] = set()
        for index, word in enumerate(value["values"]):
            if word in seen:
                raise self.error((*path, "values", index), f"'{word}' stands twice in the values of '{name}'", "take one out")
            seen.add(word)
        return Setting(name=name, values=value["values"], doc=value["doc"])

    def _check_config(self, settings: Mapping[str, Setting], path: AttrPath, setting: str, value: str) -> None:
        known = settings.get(setting)
        if known is None:
            hint = nearest(setting, settings) or (f"settings: {', '.join(settings)}" if settings else "declare it in settings:")
            raise self.error(path, f"unknown setting '{setting}'", hint)
        if value not in known.values:
            raise self.error(
                path,
                f"'{value}' is no value of the setting '{setting}'",
                nearest(value, known.values) or f"one of: {', '.join(known.values)}",
            )

    def _patterns(self, texts: tuple[str, ...]) -> Iterator[Pattern]:
        for index, text in enumerate(texts):
            try:
                yield Pattern.parse(text)
            except LabelError as error:
                raise self.error(("default_targets", index), error.message, error.hint) from None

    def _ignored(self, texts: tuple[str, ...]) -> Iterator[str]:
        for index, text in enumerate(texts):
            clean = text.removesuffix("/")
            if not clean or clean.startswith("/") or any(part in ("", ".", "..") for part in clean.split("/")):
                raise self.error(
                    ("ignore", index),
                    f"'{text}' is not a directory of the workspace",
                    "write its path from the root, such as third_party/old",
                )
            yield clean


def _version(text: str) -> tuple[int, ...]:
    """The numbers that a version starts with: `0.2.0rc1` is (0, 2, 0)."""
    match = re.match(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(int(part) for part in match.group().split(".")) if match else ()
