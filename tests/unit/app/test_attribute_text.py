"""Attributes as YAML would hold them."""

from lkbuild.app.attribute_text import as_texts, naming, plain
from lkbuild.base.label import Label
from lkbuild.model.artifact import SourceFile, TargetRef
from lkbuild.model.attrs import FrozenMap, Select, Text


def test_references_are_written_as_labels_and_paths():
    value = FrozenMap({"a": (Label("p", "p"), TargetRef(Label("q", "x")), SourceFile("p/src/a.c")), "unset": None, "n": 0})
    assert plain(value, package="p") == {"a": ["//p", "//q:x", "src/a.c"], "n": 0}


def test_a_select_is_written_as_a_select():
    value = Select(branches=(("arm64", ("a",)),), default=None, has_default=True)
    assert plain(value) == {"select": {"arm64": ["a"], "default": None}}


def test_a_text_file_is_compared_by_its_content():
    one, other = (as_texts({"lock": Text("p/lock", content)}) for content in ("1", "2"))
    assert one["lock"].startswith("p/lock ")
    assert one != other


def test_what_is_not_set_is_no_text():
    assert as_texts({"a": None, "b": (), "c": "text", "d": (1,), "e": False}) == {"c": "text", "d": "[1]", "e": "false"}


def test_the_attribute_that_names_a_file_is_found_down_to_its_place():
    texts = as_texts(
        {
            "cmd": "cat p/a.txt",
            "srcs": (SourceFile("p/b.txt"), SourceFile("p/a.txt")),
            "files": (FrozenMap({"path": "/etc/a", "source": SourceFile("p/c.txt")}),),
            "one": SourceFile("p/d.txt"),
        }
    )
    found = [naming(texts, f"p/{name}.txt") for name in "abcde"]
    assert found == ["srcs[1]", "srcs[0]", "files[0].source", "one", ""]
