"""Values that are unpickled quickly are what was pickled, and stay frozen."""

import pickle
from dataclasses import FrozenInstanceError

import pytest

from lkbuild.base.errors import Position
from lkbuild.base.label import Label
from lkbuild.model.artifact import SourceFile
from lkbuild.model.target import Target

VALUES = [
    Label("a/b", "c"),
    Position(file="BUILD.yaml", line=3, column=4, line_text="x: y"),
    SourceFile("a/b.txt"),
    Target(label=Label("p", "t"), rule="genrule", attrs={}, tags=("x",), position=Position(file="p/BUILD.yaml")),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value):
    back = pickle.loads(pickle.dumps(value))  # noqa: S301 - made here
    assert back == value
    assert repr(back) == repr(value)


def test_what_came_back_is_frozen():
    back = pickle.loads(pickle.dumps(Label("p", "t")))  # noqa: S301 - made here
    with pytest.raises(FrozenInstanceError):
        back.name = "u"


def test_a_state_of_another_shape_is_damage():
    with pytest.raises(ValueError, match="unpack"):
        object.__new__(Label).__setstate__(["p"])
