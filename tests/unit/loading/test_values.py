"""YAML to values by declared types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.base.label import Label
from lkbuild.model.artifact import SourceFile, TargetRef
from lkbuild.model.attrs import (
    Attr,
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

Value = Callable[..., Any]
FILES = {"p/one.txt": "1", "p/two.txt": "2", "p/sub/three.txt": "3", "p/.hidden": "h", "p/other/BUILD.yaml": "", "p/other/x.txt": ""}
PORT = Struct(fields={"port": Attr(type=Integer(minimum=1), doc="", required=True), "host": Attr(type=String(), doc="", default="all")})


def attr(kind: AttrType, **rest: Any) -> Attr:
    return Attr(type=kind, doc="What it is.", **rest)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (String(), "no", "no"),
        (String(), '"0666"', "0666"),
        (String(), "|\n      a\n      b", "a\nb\n"),
        (String(lenient=True), "0666", "0666"),
        (String(lenient=True), "1e3", "1e3"),
        (String(lenient=True), "true", "true"),
        (Integer(), "0x10", 16),
        (Boolean(), "TRUE", True),
        (LabelOf(), ":x", Label("p", "x")),
        (LabelOf(), "//q", Label("q", "q")),
        (File(), "sub/three.txt", SourceFile("p/sub/three.txt")),
        (File(), "//q:x.iso", TargetRef(Label("q", "x.iso"))),
        (TextFile(), "one.txt", Text("p/one.txt", "1")),
        (TextFile(), "later/none.lock", Text("p/later/none.lock", "", missing=True)),
        (ListOf(item=String(), single=True), "x", ("x",)),
        (ListOf(item=PORT, single=True), "{port: 1}", (FrozenMap({"port": 1, "host": "all"}),)),
        (ListOf(item=File()), "{glob: '*.txt'}", (SourceFile("p/one.txt"), SourceFile("p/two.txt"))),
        (ListOf(item=File()), "[two.txt, {glob: '**'}]", tuple(SourceFile(f"p/{n}") for n in ("two.txt", "one.txt", "sub/three.txt"))),
        (ListOf(item=File()), "{glob: ['**', '.*'], exclude: ['*.txt']}", (SourceFile("p/.hidden"), SourceFile("p/sub/three.txt"))),
        (MapOf(value=Integer()), "{b: 2, a: 1}", FrozenMap({"a": 1, "b": 2})),
        (MapOf(value=String()), "{select: {amd64: {A: x}}}", None),
        (PORT, "{host: x, port: 2}", FrozenMap({"port": 2, "host": "x"})),
        (OneOf(options=(String(), PORT)), "name", "name"),
        (OneOf(options=(String(), PORT)), "{port: 3}", FrozenMap({"port": 3, "host": "all"})),
        (OneOf(options=(Integer(), Boolean(), String())), "on", "on"),
        (OneOf(options=(String(), Integer())), "7", 7),
        (OneOf(options=(LabelOf(), String())), "//a:b", Label("a", "b")),
        (OneOf(options=(PORT, ListOf(item=File()))), "[one.txt]", (SourceFile("p/one.txt"),)),
    ],
)
def test_a_value_is_what_its_type_says(kind: AttrType, text: str, expected: object, value: Value) -> None:
    found = value(text, attr(kind), FILES)
    if expected is None:
        assert isinstance(found, Select)
    else:
        assert found == expected
        assert type(found) is type(expected)
    hash(found)


@pytest.mark.parametrize(
    ("kind", "text", "column"),
    [
        (String(), "3", 8),
        (String(choices=("tcp", "udp")), "tpc", 8),
        (String(pattern="[a-z]+"), "abc1", 8),
        (String(pattern="[a-z]+"), '"abc\\n"', 8),
        (Integer(), '"3"', 8),
        (Integer(), "3.0", 8),
        (Integer(maximum=9), "10", 8),
        (Boolean(), "1", 8),
        (LabelOf(), "//q::x", 8),
        (File(), "other/x.txt", 8),
        (File(), "sub", 8),
        (TextFile(), "//q:x", 8),
        (TextFile(), "../x", 8),
        (ListOf(item=String()), "[a, [b]]", 12),
        (ListOf(item=String(), single=True), "{a: b}", 8),
        (ListOf(item=PORT, single=True), "name", 8),
        (MapOf(value=Integer()), "{a: x}", 12),
        (MapOf(value=Integer(), key_pattern="[a-z]+"), "{A: 1}", 9),
        (MapOf(value=Integer()), "[a]", 8),
        (PORT, "{host: x}", 8),
        (PORT, "{port: 1, hots: x}", 18),
        (OneOf(options=(String(), PORT)), "[a]", 8),
        (OneOf(options=(Integer(), Boolean())), "x", 8),
    ],
)
def test_a_value_of_another_type_is_an_error_where_it_stands(kind: AttrType, text: str, column: int, value: Value) -> None:
    with pytest.raises(LoadError) as caught:
        value(text, attr(kind), FILES)
    position = caught.value.position
    assert position is not None
    assert (position.file, position.line, position.column) == ("p/BUILD.yaml", 4, column), caught.value.message
    assert caught.value.label == "//p:t"


def test_defaults_are_frozen_and_structs_filled(load: Callable[..., Any]) -> None:
    attrs = {
        "env": attr(MapOf(value=String()), default={"A": "b"}),
        "srcs": attr(ListOf(item=File()), default=["//tools:x"]),
        "tool": attr(LabelOf(), default="//tools:y"),
        "listen": attr(PORT, default={"port": 80}),
    }
    found = load("targets: {t: {rule: r}}", attrs).targets["t"].attrs
    assert found["env"] == FrozenMap({"A": "b"})
    assert found["srcs"] == (TargetRef(Label("tools", "x")),)
    assert found["tool"] == Label("tools", "y")
    assert found["listen"] == FrozenMap({"port": 80, "host": "all"})
    hash(found)


def test_the_order_of_attributes_is_the_rules_and_not_the_files(load: Callable[..., Any]) -> None:
    attrs = {name: attr(String(), default="") for name in ("x", "y", "z")}
    one, two = load("targets:\n  a: {rule: r, z: '1', x: '2'}\n  b: {rule: r, x: '2', z: '1'}\n", attrs).targets.values()
    assert list(one.attrs.items()) == list(two.attrs.items())


def test_a_rule_may_give_a_common_name_its_own_meaning(load: Callable[..., Any]) -> None:
    target = load("targets: {t: {rule: r, arches: [mips]}}", {"arches": attr(ListOf(item=String()))}).targets["t"]
    assert target.attrs["arches"] == ("mips",)
    assert target.arches == ()


def test_every_part_has_its_place(load: Callable[..., Any]) -> None:
    text = """
    targets:
      t:
        rule: r
        srcs:
          - glob: "*.txt"
          - sub/three.txt
        listen: {port: 80}
    """
    attrs = {"srcs": attr(ListOf(item=File())), "listen": attr(PORT)}
    target = load(text, attrs, FILES).targets["t"]
    places = {path: (place.line, place.column) for path, place in target.positions.items() if path[0] != "rule"}
    assert places[("srcs",)] == (6, 7)
    assert places[("srcs", 0)] == places[("srcs", 1)] == (6, 9)
    assert places[("srcs", 2)] == (7, 9)
    assert places[("listen", "port")] == (8, 20)
    assert target.at("listen", "host", "x").column == 13
    assert target.at("nothing") == target.position


def test_inputs_and_globs_are_recorded(load: Callable[..., Any]) -> None:
    attrs = {"srcs": attr(ListOf(item=File())), "lock": attr(TextFile())}
    package = load("targets: {t: {rule: r, lock: one.txt, srcs: {glob: '*.txt', exclude: one.*}}}", attrs, FILES)
    assert package.inputs == ("p/BUILD.yaml", "p/one.txt")
    assert package.globs == ((("*.txt",), ("one.*",), ("p/two.txt",)),)
