"""The JSON Schema says what the loader says, as far as a schema can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.loading.schema import json_schema
from lkbuild.model.attrs import Attr, File, ListOf, OneOf, String, Struct
from lkbuild.model.rule import Rule
from lkbuild.model.target import Setting
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.parser import parse
from lkbuild.syntax.scalars import kind_of

REGISTRY = RuleRegistry((bundled_rules(),))
ITEM = OneOf(options=(String(), Struct(fields={"name": Attr(type=String(), doc="", required=True)})))
RULE = Rule(
    name="r",
    doc="A rule.",
    analyze=lambda _: [],
    attrs={
        "srcs": Attr(type=ListOf(item=File()), doc="Files.", default=()),
        "cmd": Attr(type=String(), doc="A command.", required=True),
        "mode": Attr(type=String(lenient=True), doc="Bits."),
        "items": Attr(type=ListOf(item=ITEM, single=True), doc="Things.", default=()),
        "kind": Attr(type=String(choices=("tcp", "udp")), doc="Which.", default="tcp", configurable=False),
    },
)
VALIDATOR = Draft202012Validator(json_schema([RULE], {"kernel": Setting(name="kernel", values=("a", "b"))}))


def as_json(node: Node | None) -> Any:
    match node:
        case Scalar() if node.plain:
            words = {"boolean": node.text.lower() == "true", "null": None, "string": node.text}
            kind = kind_of(node.text)
            return float(node.text) if kind == "number" else int(node.text) if kind == "integer" else words[kind]
        case Scalar():
            return node.text
        case Items():
            return [as_json(item) for item in node.items]
        case Fields():
            return {key.text: as_json(value) for key, value in node.pairs}
    return None


def errors(text: str) -> list[str]:
    _, root = parse(text.encode(), "f")
    return [error.message for error in VALIDATOR.iter_errors(as_json(root))]


def test_the_schema_of_all_rules_is_a_schema() -> None:
    rules = [rule for rule in map(REGISTRY.get, REGISTRY.names()) if rule is not None]
    assert rules
    Draft202012Validator.check_schema(json.loads(json.dumps(json_schema(rules))))


def test_every_attribute_has_its_documentation() -> None:
    rules = [rule for rule in map(REGISTRY.get, REGISTRY.names()) if rule is not None]
    for name, shape in json_schema(rules)["$defs"].items():
        if name.startswith("rule."):
            assert all(part.get("description") or "const" in part for part in shape["properties"].values()), name


def test_the_workspaces_of_this_repository_fit_it() -> None:
    rules = [rule for rule in map(REGISTRY.get, REGISTRY.names()) if rule is not None]
    validator = Draft202012Validator(json_schema(rules))
    root = Path(__file__).parents[3]
    for folder in ("pkg", "kernel", "images"):
        for path in sorted((root / folder).glob("**/BUILD.yaml")):
            _, node = parse(path.read_bytes(), str(path))
            assert [error.message for error in validator.iter_errors(as_json(node))] == [], path


@pytest.mark.parametrize(
    "body",
    [
        "cmd: x",
        "cmd: {select: {amd64: x, default: y}}",
        "cmd: {select: {kernel=a: {select: {default: y}}}}",
        "{cmd: x, mode: 0644}",
        "{cmd: x, mode: {select: {amd64: null}}}",
        "{cmd: x, srcs: [a, '//b', {glob: '*'}, {select: {amd64: [a, {glob: ['*'], exclude: '*.o'}], arm64: a, default: null}}]}",
        "{cmd: x, srcs: {glob: ['*'], allow_empty: true}}",
        "{cmd: x, srcs: {select: {amd64: {glob: '*'}, default: []}}}",
        "{cmd: x, items: word}",
        "{cmd: x, items: {name: word}}",
        "{cmd: x, items: [word, {name: word}, {name: {select: {amd64: a}}}]}",
        "{cmd: x, tags: [a], visibility: public, arches: [amd64], testonly: true, manual: false, doc: x}",
    ],
)
def test_what_the_loader_takes_fits(body: str) -> None:
    body = body if body.startswith("{") else f"{{{body}}}"
    assert errors(f"targets: {{t: {{rule: r, {body[1:]}}}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "target: {}",
        "targets: []",
        "targets: {t: {}}",
        "targets: {t: {rule: q, cmd: x}}",
        "targets: {t: {rule: r}}",
        "targets: {a b: {rule: r, cmd: x}}",
        "targets: {t: {rule: r, cmd: [x]}}",
        "targets: {t: {rule: r, cmd: 3}}",
        "targets: {t: {rule: r, cmd: x, command: x}}",
        "targets: {t: {rule: r, cmd: x, srcs: a}}",
        "targets: {t: {rule: r, cmd: {select: {mips: x}}}}",
        "targets: {t: {rule: r, cmd: {select: {kernel=c: x}}}}",
        "targets: {t: {rule: r, cmd: {select: {amd64: null}}}}",
        "targets: {t: {rule: r, cmd: x, kind: {select: {amd64: tcp}}}}",
        "targets: {t: {rule: r, cmd: x, kind: tpc}}",
        "targets: {t: {rule: r, cmd: x, items: [{nam: x}]}}",
        "targets: {t: {rule: r, cmd: x, arches: [mips]}}",
        "workspace: {name: w, setting: {}}",
        "workspace: {}",
    ],
)
def test_what_the_loader_refuses_by_form_does_not_fit(text: str) -> None:
    assert errors(text + "\n")
