"""One BUILD.yaml to a `Package`: its sections, its targets, and the attributes that every rule has.

Pure: takes the file's bytes and asks `Files`. Knows rules only as declarations that the caller looks up by name, and the
`workspace:` section only as a key that the root may have (lkbuild.loading.settings reads it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from lkbuild.base.errors import LoadError, nearest
from lkbuild.base.label import Label, LabelError, Pattern, is_label
from lkbuild.base.values import dataclass
from lkbuild.loading.coerce import Coercer, Scope
from lkbuild.loading.defaults import default_of
from lkbuild.loading.listing import BUILD_FILE, join
from lkbuild.loading.marks import Marks
from lkbuild.loading.several import Gathering
from lkbuild.model.attrs import Attr, Boolean, FrozenMap, ListOf, String
from lkbuild.model.configuration import ARCHES
from lkbuild.model.rule import Rule
from lkbuild.model.target import COMMON_ATTRS, Package, Target
from lkbuild.syntax.nodes import Fields, Node, Scalar
from lkbuild.syntax.source import Source

PUBLIC: Final = Pattern("", None, recursive=True)
SECTIONS: Final = ("workspace", "doc", "visibility", "targets")

_STRINGS: Final = ListOf(item=String(), single=True)
#: Types of COMMON_ATTRS, less `rule` itself. None takes a select: the graph is made before a configuration is known.
COMMON: Final = {
    "doc": Attr(type=String(), doc=COMMON_ATTRS["doc"], default="", configurable=False),
    "tags": Attr(type=ListOf(item=String(pattern=r"[A-Za-z0-9_.:/=-]+")), doc=COMMON_ATTRS["tags"], default=(), configurable=False),
    "testonly": Attr(type=Boolean(), doc=COMMON_ATTRS["testonly"], default=False, configurable=False),
    "manual": Attr(type=Boolean(), doc=COMMON_ATTRS["manual"], default=False, configurable=False),
    "visibility": Attr(type=_STRINGS, doc=COMMON_ATTRS["visibility"], configurable=False),
    "arches": Attr(type=ListOf(item=String(choices=ARCHES)), doc=COMMON_ATTRS["arches"], default=(), configurable=False),
}
_DEFAULTS: Final = {name: default_of(attr) for name, attr in COMMON.items()}
_NONE: Final = FrozenMap()


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that a workspace can use: by name, and the names themselves."""

    find: Callable[[str], Rule | None]
    names: Callable[[], Iterable[str]]


def sections(source: Source, root: Node | None, package: str) -> Fields:
    """The top level of a BUILD.yaml, its keys checked. Raises LoadError."""
    if root is None:
        raise source.error((0, 0), "the file is empty", "write targets: and a target below it, or delete the file")
    if not isinstance(root, Fields):
        raise source.error(root.spot, "expected sections (targets:, doc:, visibility:)", "write targets: and a target below it")
    wrong = Gathering()
    for key, _ in root.pairs:
        if key.text not in SECTIONS:
            hint = nearest(key.text, SECTIONS) or f"known: {', '.join(SECTIONS)}; targets stand below targets:"
            wrong.add(source.error(key.spot, f"unknown section '{key.text}'", hint))
        elif key.text == "workspace" and package:
            hint = "only the root has one; list this directory in ignore:"
            wrong.add(source.error(key.spot, "a workspace section below another workspace", hint))
    wrong.tell()
    return root


def package_of(scope: Scope, root: Fields, rules: Rules) -> Package:
    """The targets of a BUILD.yaml whose top level was checked. Raises LoadError: LoadErrors where it is wrong in several places."""
    coercer = Coercer(scope)
    wrong = Gathering()
    default: tuple[Pattern, ...] = (PUBLIC,)
    doc, visible, body = root.get("doc"), root.get("visibility"), root.get("targets")
    try:
        if doc is not None:
            coercer.attribute(doc, COMMON["doc"], ("doc",))
        if visible is not None:
            default = _visibility(coercer, visible)
        if body is not None and not isinstance(body, Fields):
            raise scope.source.error(body.spot, "expected a mapping from names to targets", "write name: and its rule below it")
    except LoadError as error:
        wrong.add(error)
    targets: dict[str, Target] = {}
    pairs = body.pairs if isinstance(body, Fields) else ()
    scope.targets = tuple(key.text for key, _ in pairs)
    for key, node in pairs:
        try:
            targets[key.text] = _target(scope, key, node, default, rules)
        except LoadError as error:
            wrong.add(error)
    wrong.tell()
    inputs = (join(scope.package, BUILD_FILE), *dict.fromkeys(scope.inputs))
    return Package(name=scope.package, targets=targets, inputs=inputs, globs=tuple(scope.globs))


def _target(scope: Scope, key: Scalar, node: Node, visible: tuple[Pattern, ...], rules: Rules) -> Target:
    label = _name(scope, key)
    coercer = Coercer(scope, str(label))
    if not isinstance(node, Fields):
        raise coercer.fail(
            node if isinstance(node, Scalar) and node.text else key, f"the target '{key.text}' needs a rule", "write rule: below it"
        )
    rule = _rule(coercer, key, node, rules)
    attrs, common, visible = _attributes(coercer, key, node, rule, visible)
    return Target(
        label=label,
        rule=rule.name,
        attrs=attrs,
        doc=common["doc"],
        tags=common["tags"],
        testonly=common["testonly"] or rule.test,
        manual=common["manual"],
        visibility=visible,
        arches=common["arches"],
        position=scope.source.position(key.spot),
        positions=Marks(scope.source, coercer.spots),
    )


def _attributes(
    coercer: Coercer, key: Scalar, node: Fields, rule: Rule, visible: tuple[Pattern, ...]
) -> tuple[FrozenMap, Mapping[str, Any], tuple[Pattern, ...]]:
    """Values of the rule's own attributes, of those that each target has, and who may depend on it."""
    wrong = Gathering()
    node = _without_unknown(coercer, node, rule, wrong)
    missing = [name for name, attr in rule.attrs.items() if attr.required and node.get(name) is None]
    for name in () if wrong else missing:  # it may be there, misspelt
        wrong.add(coercer.fail(key, f"rule {rule.name} needs '{name}'", f"{name}: {rule.attrs[name].doc}"))
    own = {name: attr for name, attr in rule.attrs.items() if name not in missing} if missing else rule.attrs
    shared = {name: attr for name, attr in COMMON.items() if name not in own}  # a rule may mean something of its own by `arches`
    attrs: FrozenMap = _NONE
    common: Mapping[str, Any] = _DEFAULTS
    try:
        attrs = coercer.fields(node, own, (), what="attribute", skip=tuple(COMMON_ATTRS))
    except LoadError as error:
        wrong.add(error)
    try:
        common = _DEFAULTS | dict(coercer.fields(node, shared, (), what="attribute", skip=("rule", *own)))
        written = node.get("visibility")
        visible = visible if written is None else _visibility(coercer, written)
    except LoadError as error:
        wrong.add(error)
    wrong.tell()
    return attrs, common, visible


def _without_unknown(coercer: Coercer, node: Fields, rule: Rule, wrong: Gathering) -> Fields:
    """A target's attributes, but for those that its rule does not have: each of them is an error."""
    own = rule.attrs
    unknown = [name for name, _ in node.pairs if name.text not in own and name.text not in COMMON_ATTRS]
    if not unknown:
        return node
    for name in unknown:
        hint = nearest(name.text, [*own, *COMMON_ATTRS]) or f"known: {', '.join([*own, *COMMON_ATTRS])}"
        wrong.add(coercer.fail(name, f"unknown attribute '{name.text}' of rule {rule.name}", hint))
    return Fields(tuple(pair for pair in node.pairs if pair[0] not in unknown), node.spot)


def _name(scope: Scope, key: Scalar) -> Label:
    if key.text == "all":
        raise scope.source.error(key.spot, "a target can't be called 'all'", "':all' selects every target of a package")
    try:
        return Label.parse(f":{key.text}", package=scope.package)
    except LabelError:
        hint = "names hold letters, digits and _ . + @ = - only, with / between parts of 255 characters at most"
        if not is_label(scope.package, "x"):
            what = f"the directory '{scope.package}' can't be a package"
            raise scope.source.error(key.spot, what, f"{hint}; rename it, or name it in ignore: of the workspace section") from None
        raise scope.source.error(key.spot, f"'{key.text}' can't be the name of a target", hint) from None


def _rule(coercer: Coercer, key: Scalar, node: Fields, rules: Rules) -> Rule:
    written = node.get("rule")
    if written is None:
        raise coercer.fail(
            key, f"the target '{key.text}' needs a rule", f"write rule: below it, one of: {', '.join(sorted(rules.names()))}"
        )
    name: str = coercer.attribute(written, _RULE, ("rule",))
    rule = rules.find(name) if _RULE_NAME.fullmatch(name) else None  # a name is looked up as a folder: nothing with a slash
    if rule is None:
        known = sorted(rules.names())
        raise coercer.fail(written, f"unknown rule '{name}'", nearest(name, known) or f"rules: {', '.join(known)}")
    return rule


_RULE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RULE: Final = Attr(type=String(), doc=COMMON_ATTRS["rule"], required=True, configurable=False)


def _visibility(coercer: Coercer, node: Node) -> tuple[Pattern, ...]:
    """Patterns of who may depend on a target; `public` and `private` (this package) are words for two of them."""
    words: tuple[str, ...] = coercer.attribute(node, COMMON["visibility"], ("visibility",))
    return tuple(_visible_to(coercer, node, index, word) for index, word in enumerate(words))


def _visible_to(coercer: Coercer, node: Node, index: int, word: str) -> Pattern:
    package = coercer.scope.package
    if word == "public":
        return PUBLIC
    if word == "private":
        return Pattern(package, None)
    spot = coercer.spots.get(("visibility", index), node.spot)
    if not word.startswith("//"):
        hint = nearest(word, ("public", "private")) or "write public, private, //package:all or //package/..."
        raise coercer.scope.source.error(spot, f"'{word}' is no visibility", hint, label=coercer.label)
    if word.startswith("//visibility:"):  # Bazel's words
        meant = word.removeprefix("//visibility:")
        hint = f"write {meant}" if meant in ("public", "private") else "write public or private"
        raise coercer.scope.source.error(spot, f"'{word}' is no visibility", hint, label=coercer.label)
    try:
        return Pattern.parse(word, package=package)
    except LabelError as error:
        raise coercer.scope.source.error(spot, error.message, error.hint, label=coercer.label) from None
