"""Patterns as they are typed in a folder: paths, shells' completions, Bazel's longer forms."""

import pytest

from lkbuild.base.label import LabelError, Pattern


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("./a", "//p/q/a:a"),
        ("a/", "//p/q/a:a"),
        ("a/:b", "//p/q/a:b"),
        (".", "//p/q:q"),
        (".:b", "//p/q:b"),
        ("..", "//p:p"),
        ("../r:b", "//p/r:b"),
        ("../..:b", "//:b"),
        ("./...", "//p/q/..."),
        ("../...", "//p/..."),
        ("-./a/...", "-//p/q/a/..."),
        ("//...:all", "//..."),
        ("//a/...:*", "//a/..."),
        ("...:all", "//p/q/..."),
    ],
)
def test_a_path_is_taken_from_the_folder_where_it_is_typed(text, means):
    assert str(Pattern.parse(text, package="p/q")) == means


@pytest.mark.parametrize("text", ["../../..:a", "../../../x", "-../../../x/..."])
def test_a_path_that_leaves_the_workspace_is_refused(text):
    with pytest.raises(LabelError):
        Pattern.parse(text, package="p/q")


def test_the_root_has_no_target_of_its_name():
    with pytest.raises(LabelError) as caught:
        Pattern.parse(".")
    assert "//:all" in (caught.value.hint or "")
