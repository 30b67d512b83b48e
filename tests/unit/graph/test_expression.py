"""Every function and operator of queries, and a caret below what is wrong."""

import pytest

from lkbuild.base.errors import UsageError
from lkbuild.graph.expression import evaluate, parse
from lkbuild.graph.targets import TargetGraph

# top -> left, right -> bottom -> source;  lone
NEEDS = {
    "top": ("left", "right"),
    "left": ("bottom",),
    "right": ("bottom",),
    "bottom": ("source",),
    "source": (),
    "lone": (),
}
KINDS = {"top": "image", "source": "filegroup"}


def label(name):
    return f"//p:{name}"


def name(label):
    return label.removeprefix("//p:")


class World:
    def pattern(self, text):
        return frozenset(map(label, NEEDS)) if text == "//..." else frozenset({text})

    def kind(self, label):
        return KINDS.get(name(label), "genrule")

    def attribute(self, label, attribute):
        return f"{attribute} of {name(label)}"

    def graph(self, labels):
        needs, todo = {}, sorted(labels)
        while todo:
            item = todo.pop()
            needs[item] = [label(need) for need in NEEDS[name(item)]]
            todo += needs[item]
        return TargetGraph(needs)


def names(text):
    return " ".join(sorted(map(name, evaluate(parse(text), World()))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("//p:top", "top"),
        ("deps(//p:bottom)", "bottom source"),
        ("deps(//p:top, 0)", "top"),
        ("deps(//p:top, 1)", "left right top"),
        ("rdeps(//..., //p:left)", "left top"),
        ("rdeps(//..., //p:source, 2)", "bottom left right source"),
        ("rdeps(//p:left, //p:source)", "bottom left source"),
        ("somepath(//p:bottom, //p:source)", "bottom source"),
        ("somepath(//p:source, //p:top)", ""),
        ("somepath(//p:lone, //p:top)", ""),
        ("allpaths(//p:top, //p:bottom)", "bottom left right top"),
        ("allpaths(//p:left, //p:lone)", ""),
        ("kind(image, //...)", "top"),
        ("kind('^file', //...)", "source"),
        ("attr(srcs, 'of l', //...)", "left lone"),
        ("filter('t$', //...)", "left right"),
        ("//p:top + //p:lone", "lone top"),
        ("//p:top union //p:lone", "lone top"),
        ("deps(//p:left) ^ deps(//p:right)", "bottom source"),
        ("deps(//p:left) intersect deps(//p:right)", "bottom source"),
        ("deps(//p:left) - //p:source", "bottom left"),
        ("deps(//p:left) except //p:source", "bottom left"),
        # All operators bind equally, from the left.
        ("//p:top + //p:lone ^ //p:lone", "lone"),
        ("//p:top + (//p:lone ^ //p:lone)", "lone top"),
        ('"//p:top"', "top"),
        ("kind(genrule, deps(//p:top) - //p:left)", "bottom right"),
        (" deps( //p:source ) ", "source"),
    ],
)
def test_an_expression_selects(text, expected):
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("deps(", 5),
        ("deps()", 5),
        ("deps(//p:a", 10),
        ("deps(//p:a, x)", 12),
        ("depz(//p:a)", 0),
        ("//p:a + depz(//p:b)", 8),
        ("rdeps(//p:a)", 11),
        ("kind(genrule)", 12),
        ("//p:a //p:b", 6),
        ("//p:a +", 7),
        ("(//p:a", 6),
        ("//p:a )", 6),
        ("deps(//p:a, 1, 2)", 0),
        ("kind('x, //p:a)", 5),
        ("attr(+, x, //p:a)", 5),
    ],
)
def test_a_caret_stands_below_what_is_wrong(text, place):
    with pytest.raises(UsageError) as caught:
        parse(text)
    shown, caret = caught.value.detail.split("\n")
    assert shown == text
    assert caret == " " * place + "^"


def test_a_misspelt_function_is_told_the_nearest_name():
    with pytest.raises(UsageError) as caught:
        parse("depz(//p:a)")
    assert "deps" in caught.value.hint


def test_a_wrong_regular_expression_is_an_error_of_usage():
    with pytest.raises(UsageError):
        names("kind('(', //...)")
