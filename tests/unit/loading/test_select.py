"""Selects, resolved; and the dependencies of what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.label import Label
from lkbuild.loading.dependencies import dependencies
from lkbuild.loading.select import resolve_attrs, resolve_target
from lkbuild.model.attrs import Attr, File, FrozenMap, LabelOf, ListOf, MapOf, OneOf, Select, String, Struct
from lkbuild.model.configuration import Configuration
from lkbuild.model.rule import Discovered, Rule
from lkbuild.model.target import Setting

SETTINGS = {"kernel": Setting(name="kernel", values=("source", "debian"))}
CONDITIONS = ("kernel=source", "kernel=debian")
ATTRS = {
    "cmd": Attr(type=String(), doc="", default="none"),
    "srcs": Attr(type=ListOf(item=File()), doc="", default=()),
    "words": Attr(type=ListOf(item=String()), doc="", default=()),
    "env": Attr(type=MapOf(value=String()), doc="", default={}),
    "tool": Attr(type=LabelOf(execution=True), doc=""),
    "parts": Attr(
        type=ListOf(
            item=OneOf(
                options=(
                    String(),
                    Struct(
                        fields={
                            "of": Attr(type=LabelOf(), doc="", required=True),
                            "more": Attr(type=ListOf(item=LabelOf()), doc="", default=()),
                        }
                    ),
                )
            )
        ),
        doc="",
        default=(),
    ),
}


def configuration(arch: str = "amd64", **settings: str) -> Configuration:
    return Configuration(arch=arch, exec_arch="amd64", settings=tuple(sorted(settings.items())))


@pytest.fixture
def target(load: Callable[..., Any]) -> Callable[[str], Any]:
    files = {"p/one.txt": "", "p/two.txt": ""}
    return lambda body: load(f"targets:\n  t:\n    rule: r\n{body}", ATTRS, files, CONDITIONS).targets["t"]


def test_a_target_without_selects_is_left_as_it_is(target: Any) -> None:
    found = target("    cmd: x\n    srcs: [one.txt]\n")
    assert resolve_target(found, configuration(), SETTINGS) is found


def test_the_first_branch_that_holds_is_taken(target: Any) -> None:
    found = target("    cmd: {select: {kernel=debian: deb, amd64: pc, default: other}}\n")
    chosen = [
        resolve_attrs(found, choice, SETTINGS)["cmd"]
        for choice in (configuration(kernel="debian"), configuration(), configuration("s390x"))
    ]
    assert chosen == ["deb", "pc", "other"]


def test_a_setting_that_is_not_chosen_has_its_first_value(target: Any) -> None:
    found = target("    cmd: {select: {kernel=source: ours}}\n")
    assert resolve_attrs(found, configuration(), SETTINGS)["cmd"] == "ours"
    with pytest.raises(AnalysisError):
        resolve_attrs(found, configuration(kernel="debian"), SETTINGS)


def test_null_in_a_branch_is_the_default(target: Any) -> None:
    found = target("    cmd: {select: {amd64: null, default: x}}\n    words: {select: {amd64: null, default: [x]}}\n")
    attrs = resolve_attrs(found, configuration(), SETTINGS)
    assert (attrs["cmd"], attrs["words"]) == ("none", ())


def test_a_default_may_be_selected_too(load: Any) -> None:
    default = Select(branches=(("amd64", ["//pc"]),), default=[], has_default=True)
    attrs = {"deps": Attr(type=ListOf(item=LabelOf()), doc="", default=default)}
    found = load("targets: {t: {rule: r}}", attrs).targets["t"]
    assert resolve_attrs(found, configuration(), SETTINGS)["deps"] == (Label("pc", "pc"),)
    assert resolve_attrs(found, configuration("s390x"), SETTINGS)["deps"] == ()


def test_no_branch_and_no_default_is_an_error_at_the_select(target: Any) -> None:
    found = target("    words:\n      - a\n      - select: {arm64: b}\n")
    with pytest.raises(AnalysisError) as caught:
        resolve_attrs(found, configuration(), SETTINGS)
    assert str(caught.value.position) == "p/BUILD.yaml:6:9"
    assert caught.value.label == "//p:t"


def test_parts_of_a_list_are_spliced_and_places_follow(target: Any) -> None:
    body = """\
    words:
      - a
      - select:
          amd64: [b, c]
          default: []
      - select: {amd64: {select: {default: [d, {select: {amd64: e}}]}}}
      - f
"""
    found = resolve_target(target(body), configuration(), SETTINGS)
    assert found.attrs["words"] == ("a", "b", "c", "d", "e", "f")
    places = [found.at("words", index) for index in range(6)]
    assert [place.line for place in places] == [5, 7, 7, 9, 9, 10]
    assert [place.column for place in places[1:3]] == [19, 22]
    other = resolve_target(
        target(body.replace("amd64: {select", "default: {select").replace("amd64: e", "s390x: e")), configuration("s390x"), SETTINGS
    )
    assert other.attrs["words"] == ("a", "d", "e", "f")
    assert other.at("words", 3).line == 10


def test_a_file_that_two_parts_bring_stands_once(target: Any) -> None:
    found = target("    srcs: [one.txt, {select: {amd64: [one.txt, two.txt, '//q:x']}}, '//q:x']\n")
    attrs = resolve_attrs(found, configuration(), SETTINGS)
    assert [getattr(item, "path", "//q:x") for item in attrs["srcs"]] == ["p/one.txt", "p/two.txt", "//q:x"]


def test_words_may_repeat(target: Any) -> None:
    found = target("    words: [a, {select: {amd64: [a, a]}}, a]\n")
    assert resolve_attrs(found, configuration(), SETTINGS)["words"] == ("a", "a", "a", "a")


def test_selects_stand_in_mappings_and_fields(target: Any) -> None:
    found = target("    env: {A: {select: {amd64: x}}}\n    parts: [{of: {select: {amd64: //q, default: //r}}}, word]\n")
    attrs = resolve_attrs(found, configuration(), SETTINGS)
    assert attrs["env"] == FrozenMap({"A": "x"})
    assert attrs["parts"] == (FrozenMap({"of": Label("q", "q"), "more": ()}), "word")


def test_dependencies_come_in_the_order_of_the_attributes_with_their_places(target: Any) -> None:
    rule = Rule(name="r", doc="", attrs=ATTRS, analyze=lambda _: [], implicit={"shell": "//tools:sh"})
    found = target(
        "    tool: //t\n    parts: [word, {of: //q, more: [':x', '//y']}]\n    srcs: [one.txt, {select: {amd64: ['//a', '//b']}}]\n"
    )
    resolved = resolve_target(found, configuration(), SETTINGS)
    edges = dependencies(rule, resolved.attrs, resolved, configuration())
    assert [(str(edge.label), edge.execution, edge.path) for edge in edges] == [
        ("//a:a", False, ("srcs", 1)),
        ("//b:b", False, ("srcs", 2)),
        ("//t:t", True, ("tool",)),
        ("//q:q", False, ("parts", 1, "of")),
        ("//p:x", False, ("parts", 1, "more", 0)),
        ("//y:y", False, ("parts", 1, "more", 1)),
        ("//tools:sh", True, ("implicit", "shell")),
    ]
    assert [resolved.at(*edge.path).line for edge in edges] == [6, 6, 4, 5, 5, 5, 2]


def test_what_a_rule_discovers_is_a_dependency_with_a_place_of_its_own(target: Any) -> None:
    place = Position(file="p/Dockerfile", line=3)

    def discover(found: Any, chosen: Any) -> list[Discovered]:
        return [Discovered(label=Label("base", chosen.arch), execution=True, position=place)]

    rule = Rule(name="r", doc="", attrs=ATTRS, analyze=lambda _: [], discover=discover)
    resolved = resolve_target(target("    tool: //t\n"), configuration(), SETTINGS)
    *_, edge = dependencies(rule, resolved.attrs, resolved, configuration())
    assert (str(edge.label), edge.execution, edge.position) == (f"//base:{configuration().arch}", True, place)
