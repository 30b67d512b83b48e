"""YAML nodes to the values that rules take, by declared types; every part's place is kept.

Errors name the type that is expected, what stands there and what to write. Pure: the disk is behind `Files`. Does not know which
attributes a rule has (lkbuild.loading.buildfile does), nor resolves selects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from lkbuild.base.errors import LoadError, nearest
from lkbuild.base.label import Label, LabelError
from lkbuild.base.values import dataclass
from lkbuild.loading import globs
from lkbuild.loading.defaults import default_of
from lkbuild.loading.forms import GLOB, SELECT, fits, is_form
from lkbuild.loading.listing import Files, join
from lkbuild.loading.several import Gathering
from lkbuild.loading.sources import locate
from lkbuild.loading.wording import expected, found
from lkbuild.model.artifact import SourceFile, TargetRef
from lkbuild.model.attrs import (
    Attr,
    AttrPath,
    AttrType,
    Boolean,
    File,
    FrozenMap,
    Integer,
    LabelOf,
    ListOf,
    MapOf,
    OneOf,
    Select,
    String,
    Struct,
    Text,
    TextFile,
)
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.scalars import integer_of, kind_of
from lkbuild.syntax.source import Source, Spot

MAX_TEXT_BYTES: Final = 16 << 20


@dataclass(slots=True)
class Scope:
    """What one BUILD.yaml is read with, and what reading it came across.

    Attributes:
        conditions: what may stand in a select.
        targets: names of the package's targets, for hints.
        inputs: files whose content became part of values.
        globs: patterns, exclusions and the workspace-relative files that they matched.
    """

    source: Source
    package: str
    files: Files
    conditions: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()
    inputs: list[str] = field(default_factory=list)
    globs: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)


class Coercer:
    """Coerces the attributes of one target. `spots` fills with the place of each attribute and part, by path."""

    def __init__(self, scope: Scope, label: str | None = None) -> None:
        self.scope = scope
        self.label = label
        self.spots: dict[AttrPath, Spot] = {}

    def fail(self, node: Node, message: str, hint: str | None = None) -> LoadError:
        """An error at a node, to be raised."""
        return self.scope.source.error(node.spot, message, hint, label=self.label)

    def attribute(self, node: Node, attr: Attr, path: AttrPath) -> Any:
        """The value of an attribute or field: a Select where it is selected as a whole."""
        return self._value(node, attr.type, path, attr, configurable=attr.configurable)

    def fields(self, node: Fields, known: Mapping[str, Attr], path: AttrPath, *, what: str, skip: Sequence[str] = ()) -> FrozenMap:
        """A mapping with known keys, defaults filled in, in the order of the declaration. `skip`: keys that others take."""
        wrong = Gathering()
        for key, _ in node.pairs:
            if key.text not in known and key.text not in skip:
                hint = nearest(key.text, [*known, *skip]) or f"known: {', '.join([*known, *skip])}"
                wrong.add(self.fail(key, f"unknown {what} '{key.text}'", hint))
        misspelt = bool(wrong)
        written = {key.text: value for key, value in node.pairs}
        values: dict[str, Any] = {}
        for name, attr in known.items():
            try:
                if name in written:
                    values[name] = self.attribute(written[name], attr, (*path, name))
                elif attr.implied:
                    values[name] = self.attribute(_implied(attr, node.spot), attr, (*path, name))
                elif not attr.required:
                    values[name] = default_of(attr)
                elif not misspelt:  # else it may be there under a wrong name
                    wrong.add(self.fail(node, f"the {what} '{name}' is missing", f"{name}: {attr.doc}"))
            except LoadError as error:
                wrong.add(error)
        wrong.tell()
        return FrozenMap(values)

    # -- dispatch -------------------------------------------------------------------------------------------------------

    def _value(self, node: Node, kind: AttrType, path: AttrPath, attr: Attr | None, *, configurable: bool) -> Any:
        self.spots[path] = node.spot
        if is_form(node, SELECT, kind):
            return self._select(node, path, lambda branch, at: self._branch(branch, kind, at, attr), configurable=configurable)
        if isinstance(node, Scalar) and node.plain and kind_of(node.text) == "null":
            raise self._empty(node, kind, attr)
        match kind:
            case ListOf():
                return self._list(node, kind, path, configurable=configurable)
            case MapOf():
                return self._map(node, kind, path, configurable=configurable)
            case Struct():
                if not isinstance(node, Fields):
                    raise self._mismatch(node, kind, f"write its fields: {', '.join(kind.fields)}")
                return self.fields(node, kind.fields, path, what="field")
            case OneOf():
                return self._one_of(node, kind, path, attr, configurable=configurable)
            case _:
                return self._scalar(node, kind)

    def _empty(self, node: Node, kind: AttrType, attr: Attr | None) -> LoadError:
        hint = "leave the line out for the default" if attr is not None and not attr.required else "write a value"
        return self.fail(node, f"expected {expected(kind)}, found {found(node)}", hint)

    def _mismatch(self, node: Node, kind: AttrType, hint: str | None = None) -> LoadError:
        return self.fail(node, f"expected {expected(kind)}, found {found(node)}", hint or f"write {expected(kind)} here")

    def _one_of(self, node: Node, kind: OneOf, path: AttrPath, attr: Attr | None, *, configurable: bool) -> Any:
        for option in kind.options:
            if fits(node, option):
                return self._value(node, option, path, attr, configurable=configurable)
        raise self._mismatch(node, kind)

    # -- scalars --------------------------------------------------------------------------------------------------------

    def _scalar(self, node: Node, kind: AttrType) -> Any:
        if not isinstance(node, Scalar):
            raise self._mismatch(
                node, kind, "write one value, without brackets" if isinstance(node, Items) else "write one value, without keys"
            )
        scalar = kind_of(node.text) if node.plain else "string"
        match kind:
            case String():
                return self._string(node, kind, scalar)
            case Integer():
                return self._integer(node, kind, scalar)
            case Boolean():
                return self._boolean(node, kind, scalar)
        if scalar != "string":
            named = isinstance(kind, LabelOf)
            raise self._mismatch(node, kind, "write //package:name or :name" if named else f"write '{node.text}' in quotes")
        if isinstance(kind, LabelOf):
            return self._parse_label(node)
        if isinstance(kind, TextFile):
            return self._text(node)
        return self._file(node)

    def _string(self, node: Scalar, kind: String, scalar: str) -> str:
        if scalar != "string" and not kind.lenient:
            raise self._mismatch(node, kind, f"write '{node.text}' in quotes")
        if kind.choices and node.text not in kind.choices:
            hint = nearest(node.text, kind.choices) or f"one of: {', '.join(kind.choices)}"
            raise self.fail(node, f"'{node.text}' is not one of the values that can stand here", hint)
        if kind.pattern is not None and not re.fullmatch(kind.pattern, node.text):
            raise self.fail(node, f"'{node.text}' does not have the form of this value", f"it must match {kind.pattern}")
        return node.text

    def _integer(self, node: Scalar, kind: Integer, scalar: str) -> int:
        if scalar != "integer":
            hint = (
                "write it without quotes"
                if not node.plain and kind_of(node.text or "''") == "integer"
                else "write digits only, such as 1024"
            )
            raise self._mismatch(node, kind, hint)
        value = integer_of(node.text)
        if value is None:
            digits = node.text.lstrip("+-").lstrip("0") or "0"
            raise self.fail(node, f"{node.text} could be octal or decimal", f"write {digits} or 0o{digits}")
        if (kind.minimum is not None and value < kind.minimum) or (kind.maximum is not None and value > kind.maximum):
            bounds = [f"at least {kind.minimum}"] if kind.minimum is not None else []
            bounds += [f"at most {kind.maximum}"] if kind.maximum is not None else []
            raise self.fail(node, f"{value} is out of bounds", " and ".join(bounds))
        return value

    def _boolean(self, node: Scalar, kind: Boolean, scalar: str) -> bool:
        if scalar != "boolean":
            hint = "write true or false, without quotes; yes, no, on and off are plain text in YAML 1.2"
            raise self._mismatch(node, kind, hint)
        return node.text.lower() == "true"

    def _parse_label(self, node: Scalar) -> Label:
        try:
            return Label.parse(node.text, package=self.scope.package)
        except LabelError as error:
            hint = f"write ':{node.text}' for the target of this package" if node.text in self.scope.targets else error.hint
            raise self.fail(node, error.message, hint) from None

    # -- files ----------------------------------------------------------------------------------------------------------

    def _file(self, node: Scalar) -> SourceFile | TargetRef:
        if node.text.startswith(("//", ":")):
            return TargetRef(self._parse_label(node))
        refusal = locate(self.scope.files, self.scope.package, node.text, targets=self.scope.targets)
        if refusal is not None:
            raise self.fail(node, *refusal)
        return SourceFile(join(self.scope.package, node.text))

    def _text(self, node: Scalar) -> Text:
        if node.text.startswith(("//", ":")):
            raise self.fail(
                node, f"expected a file's path, found the label '{node.text}'", "it is read when BUILD.yaml is; no target can make it"
            )
        refusal = locate(self.scope.files, self.scope.package, node.text, must_exist=False)
        if refusal is not None:
            raise self.fail(node, *refusal)
        path = join(self.scope.package, node.text)
        try:
            data = self.scope.files.read(path, MAX_TEXT_BYTES)
        except LoadError as error:
            raise self.fail(node, error.message, error.hint) from None
        self.scope.inputs.append(path)
        if data is None:
            return Text(path, "", missing=True)
        if len(data) > MAX_TEXT_BYTES:
            raise self.fail(node, f"'{node.text}' is too large to be read with BUILD.yaml", f"at most {MAX_TEXT_BYTES:,} bytes")
        try:
            return Text(path, data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise self.fail(node, f"'{node.text}' is not UTF-8: byte {error.start}", "save it as UTF-8") from None

    def _glob(self, node: Fields, path: AttrPath, out: list[Any]) -> None:
        """Append the files of a `{glob:, exclude:, allow_empty:}`, but for those that stand in the list already."""
        values = self.fields(node, _GLOB_FIELDS, path, what="field of glob")
        for name in ("glob", "exclude"):
            for index, pattern in enumerate(values[name]):
                problem = globs.problem(pattern)
                if problem is not None:
                    spot = self.spots.get((*path, name, index), node.spot)
                    what, hint = problem
                    raise self.scope.source.error(spot, f"the pattern '{pattern}' {what}", hint, label=self.label)
        include, exclude = values["glob"], values["exclude"]
        names = globs.expand(self.scope.files, self.scope.package, include, exclude)
        odd = next((name for name in names if not name.isprintable()), None)
        if odd is not None:
            raise self.fail(node, f"a file that matches has a name that is no printable UTF-8: {odd!a}", "rename or exclude it")
        if not names and not values["allow_empty"]:
            other = next(filter(None, (globs.other_package(self.scope.files, self.scope.package, pattern) for pattern in include)), None)
            advice = f"'{other}' is another package: name a target of it, such as a filegroup, by its label" if other else None
            raise self.fail(node, "the glob matches no file", advice or "correct it, or write allow_empty: true beside it")
        matched = tuple(join(self.scope.package, name) for name in names)
        self.scope.globs.append((include, exclude, matched))
        present = set(out)
        for file in map(SourceFile, matched):
            if file not in present:
                self.spots[(*path[:-1], len(out))] = node.spot
                out.append(file)

    # -- collections ----------------------------------------------------------------------------------------------------

    def _list(self, node: Node, kind: ListOf, path: AttrPath, *, configurable: bool) -> tuple[Any, ...]:
        out: list[Any] = []
        if is_form(node, GLOB, kind):
            self._glob(node, (*path, 0), out)
            return tuple(out)
        if not isinstance(node, Items):
            if kind.single and not (isinstance(node, Scalar) and isinstance(kind.item, Struct | MapOf)):
                return (self._value(node, kind.item, (*path, 0), None, configurable=configurable),)
            raise self._mismatch(node, kind, _list_hint(node, kind))
        first: dict[Any, Node] = {}
        wrong = Gathering()
        for item in node.items:
            try:
                self._item(item, kind, path, out, configurable=configurable)
                if isinstance(kind.item, File | LabelOf) and isinstance(item, Scalar):
                    self._check_once(item, first.setdefault(out[-1], item))
            except LoadError as error:
                wrong.add(error)
        wrong.tell()
        return tuple(out)

    def _check_once(self, item: Scalar, first: Node) -> None:
        if first is not item:
            related = ((first.spot, "first written here"),)
            raise self.scope.source.error(
                item.spot, f"'{item.text}' stands twice in this list", "take one out", label=self.label, related=related
            )

    def _item(self, item: Node, kind: ListOf, path: AttrPath, out: list[Any], *, configurable: bool) -> None:
        at = (*path, len(out))
        if is_form(item, GLOB, kind):
            self._glob(item, at, out)
        elif is_form(item, SELECT, kind.item):
            self.spots[at] = item.spot
            spliced = ListOf(item=kind.item, single=True)
            chosen = self._select(
                item, at, lambda branch, where: self._branch(branch, spliced, where, _PART), configurable=configurable, splice=True
            )
            out.append(chosen)
        else:
            out.append(self._value(item, kind.item, at, None, configurable=configurable))

    def _map(self, node: Node, kind: MapOf, path: AttrPath, *, configurable: bool) -> FrozenMap:
        if not isinstance(node, Fields):
            raise self._mismatch(node, kind, "write name: value")
        values: dict[str, Any] = {}
        wrong = Gathering()
        for key, value in node.pairs:
            try:
                if kind.key_pattern is not None and not re.fullmatch(kind.key_pattern, key.text):
                    raise self.fail(key, f"'{key.text}' is not a name that can stand here", f"it must match {kind.key_pattern}")
                values[key.text] = self._value(value, kind.value, (*path, key.text), None, configurable=configurable)
            except LoadError as error:
                wrong.add(error)
        wrong.tell()
        return FrozenMap(values)

    # -- select ---------------------------------------------------------------------------------------------------------

    def _select(
        self,
        node: Fields,
        path: AttrPath,
        branch: Callable[[Node, AttrPath], Any],
        *,
        configurable: bool,
        splice: bool = False,
    ) -> Select:
        body = node.pairs[0][1]
        if not configurable:
            raise self.fail(node, "'select:' can't stand here", "this value is needed before a configuration is chosen")
        if not isinstance(body, Fields) or not body.pairs:
            raise self.fail(body, "expected a mapping from conditions to values", "write select: {amd64: ..., default: ...}")
        branches: list[tuple[str, Any]] = []
        default, has_default = None, False
        wrong = Gathering()
        for key, value in body.pairs:
            at = (*path, SELECT, key.text)
            try:
                if key.text == "default":
                    default, has_default = branch(value, at), True
                elif key.text in self.scope.conditions:
                    branches.append((key.text, branch(value, at)))
                else:
                    hint = nearest(key.text, [*self.scope.conditions, "default"])
                    hint = hint or f"one of: {', '.join(sorted(self.scope.conditions))}, default"
                    raise self.fail(key, f"unknown condition '{key.text}'", hint)
            except LoadError as error:
                wrong.add(error)
        wrong.tell()
        return Select(tuple(branches), default, has_default, splice=splice, path=path)

    def _branch(self, node: Node, kind: AttrType, path: AttrPath, attr: Attr | None) -> Any:
        """One value of a select; `null` means that the attribute has its default then."""
        if attr is not None and not attr.required and isinstance(node, Scalar) and node.plain and kind_of(node.text) == "null":
            self.spots[path] = node.spot
            return default_of(attr)
        return self._value(node, kind, path, attr, configurable=True)


_PART: Final = Attr(type=ListOf(item=String()), doc="A part of a list that is chosen by configuration; null: nothing.", default=())
_GLOB_FIELDS: Final = {
    "glob": Attr(
        type=ListOf(item=String(lenient=True), single=True), doc="Patterns of files of this package.", required=True, configurable=False
    ),
    "exclude": Attr(
        type=ListOf(item=String(lenient=True), single=True), doc="Patterns of files to leave out.", default=(), configurable=False
    ),
    "allow_empty": Attr(type=Boolean(), doc="No match is no error.", default=False, configurable=False),
}


def _implied(attr: Attr, spot: Spot) -> Node:
    """What stands for an attribute that is not written."""
    names = tuple(Scalar(text, plain=False, spot=spot) for text in attr.implied)
    if not isinstance(attr.type, ListOf):
        return names[0]
    glob = (
        (Scalar("glob", plain=True, spot=spot), Items(names, spot)),
        (Scalar("allow_empty", plain=True, spot=spot), Scalar("true", plain=True, spot=spot)),
    )
    return Fields(glob, spot)


def _list_hint(node: Scalar | Fields, kind: ListOf) -> str:
    if isinstance(node, Scalar):
        patterns = node.text.removeprefix("glob(").removesuffix(")").strip("[]\"'")  # a BUILD file of Bazel's has calls
        if isinstance(kind.item, File) and (patterns != node.text or "*" in patterns):
            return f'write {{glob: ["{patterns}"]}} for all files that a pattern matches'
        return f"write [{node.text}]"
    return "glob: is for lists of files; write the items out" if node.get(GLOB) is not None else "start each item with '- '"
