"""Two manifests compared: which part is another one, and from which leaf."""

import pytest

from lkbuild.base.digest import Digest
from lkbuild.keys.differences import differences, leaves
from lkbuild.keys.manifest import recipe_key, walk_recipe
from lkbuild.keys.sinks import LinesSink
from lkbuild.model.action import ActionSpec, DeclaredOutput, Input
from lkbuild.model.artifact import ActionId, Inline, Output, SourceFile

A, B = Digest.of(b"a"), Digest.of(b"b")
BASE = {
    "arguments": ("sh", "-c", "x"),
    "environment": (("K", "v"), ("EMPTY", "")),
    "inputs": (Input("a[1].x/b", SourceFile("d/a[0].file")), Input("i", Inline(b"i"))),
    "outputs": (DeclaredOutput("o"),),
}


def manifest(*, source=A, executable=False, recipe=A, **changes):
    sink = LinesSink()
    walk_recipe(ActionSpec(**{**BASE, **changes}), sink, source=lambda _: source, recipe=lambda _: recipe, executable=lambda _: executable)
    return tuple(sink.lines)


def found(now, was=None):
    return [(item.kind, item.name, item.was, item.now) for item in differences(was or manifest(), now)]


def test_equal_manifests_have_no_difference():
    assert found(manifest()) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"source": B}, ("source", "d/a[0].file", str(A), str(B))),
        ({"executable": True}, ("source", "d/a[0].file", str(A), f"{A} executable")),
        ({"arguments": ("sh", "-c", "y")}, ("argument", "2", "x", "y")),
        ({"arguments": ("sh", "x")}, ("arguments", "", "sh\n-c\nx", "sh\nx")),
        ({"environment": (("K", "w"), ("EMPTY", ""))}, ("environment", "K", "v", "w")),
        ({"environment": (("EMPTY", ""),)}, ("environment", "K", "v", None)),
        ({"environment": (("K", "v"),)}, ("environment", "EMPTY", "", None)),
        ({"platform": (("ISA", "x"),)}, ("platform", "ISA", None, "x")),
        ({"outputs": (DeclaredOutput("o"), DeclaredOutput("p"))}, ("output", "p", None, "p")),
        ({"timeout_s": 7}, ("timeout", "", "3600", "7")),
        ({"inputs": BASE["inputs"][:1]}, ("input", "i", str(Digest.of(b"i")), None)),
        ({"inputs": (BASE["inputs"][0], Input("i", Inline(b"j")))}, ("inline", "i", str(Digest.of(b"i")), str(Digest.of(b"j")))),
        (
            {"inputs": (BASE["inputs"][0], Input("i", Output(ActionId("//p", 0), "out")))},
            ("input", "i", str(Digest.of(b"i")), f"output of {A} out"),
        ),
        ({"root": Output(ActionId("//p", 0), "out")}, ("input", "/", None, f"output of {A} out")),
    ],
)
def test_a_change_is_named_with_both_values(changes, expected):
    assert found(manifest(**changes)) == [expected]


def test_another_output_of_the_same_action_is_another_input():
    one, other = ((Input("x", Output(ActionId("//p", 0), name)),) for name in ("a", "b"))
    assert [item[0] for item in found(manifest(inputs=other), manifest(inputs=one))] == ["input"]


def test_a_source_under_another_name_is_no_difference_and_with_other_bytes_names_both():
    renamed = {"inputs": (Input("a[1].x/b", SourceFile("e/b")), BASE["inputs"][1])}
    assert found(manifest(**renamed)) == []
    assert found(manifest(source=B, **renamed)) == [("source", "e/b", f"{A} of d/a[0].file", str(B))]


class Build:
    """Actions of one build by recipe."""

    def __init__(self):
        self.manifests, self.recipes = {}, {}

    def add(self, name, *inputs, argument="x", source=A):
        spec = ActionSpec(
            arguments=(argument,),
            inputs=tuple(Input(item, Output(ActionId(item, 0), "o") if item in self.recipes else SourceFile(item)) for item in inputs),
            outputs=(DeclaredOutput("o"),),
        )
        ways = {"source": lambda _: source, "recipe": lambda output: self.recipes[output.action.owner]}
        sink = LinesSink()
        walk_recipe(spec, sink, **ways)
        self.recipes[name] = recipe_key(spec, **ways)
        self.manifests[self.recipes[name].hash] = tuple(sink.lines)


def diamond(**bottom):
    build = Build()
    build.add("bottom", "file", **bottom)
    build.add("left", "bottom")
    build.add("right", "bottom", argument="r")
    build.add("top", "left", "right")
    return build


def between(was, now):
    return list(leaves(was.recipes["top"].hash, now.recipes["top"].hash, old=was.manifests.get, new=now.manifests.get))


def test_a_leaf_is_found_once_through_a_diamond_by_a_shortest_way():
    was, now = diamond(), diamond(source=B)
    (leaf,) = between(was, now)
    assert (leaf.kind, leaf.name, leaf.was, leaf.now) == ("source", "file", str(A), str(B))
    assert leaf.via == tuple(now.recipes[name].hash for name in ("bottom", "left", "top"))


def test_two_leaves_of_one_action_are_both_named():
    assert [item.kind for item in between(diamond(), diamond(source=B, argument="y"))] == ["argument", "source"]


def test_what_is_not_known_any_more_is_told_as_a_key():
    was, now = diamond(), diamond(source=B)
    del was.manifests[was.recipes["bottom"].hash]
    (leaf,) = between(was, now)
    assert (leaf.kind, leaf.was) == ("recipe", was.recipes["bottom"].hash)


def test_equal_recipes_have_no_leaves():
    assert between(diamond(), diamond()) == []
