"""Rules are found by path, the workspace's first, and a broken one is an error at its line."""

import pytest

from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.analysis.raised import raised_at
from lkbuild.base.errors import AnalysisError

RULE = """
from lkbuild.model.rule import Rule
from ..shared import DOC
RULE = Rule(name="{name}", doc=DOC, attrs={{}}, analyze=lambda ctx: [])
"""


def folder(root, name, text=RULE, doc="here"):
    (root / name / "tools").mkdir(parents=True)
    (root / name / "rule.py").write_text(text.format(name=name))
    (root / name / "tools" / "t").write_bytes(b"tool")
    (root / "shared.py").write_text(f"DOC = {doc!r}\n")


def test_a_rule_imports_its_neighbours_relatively(tmp_path):
    folder(tmp_path, "mine")
    assert RuleRegistry([tmp_path]).get("mine").doc == "here"


def test_the_first_folder_wins(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder(tmp_path / name, "mine", doc=name)
    assert RuleRegistry([tmp_path / "two", tmp_path / "one"]).get("mine").doc == "two"


def test_a_rule_that_is_not_there_is_none(tmp_path):
    assert RuleRegistry([tmp_path]).get("none") is None


@pytest.mark.parametrize("name", ["../mine", "a/b", ".", "..", "", "Mine", "mine\n"])
def test_a_name_is_no_path(tmp_path, name):
    folder(tmp_path / "rules", "mine")
    folder(tmp_path, "mine2")
    assert RuleRegistry([tmp_path / "rules"]).get(name) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\nraise KeyError\n", 2),
        ("x = 1\n\ndef\n", 3),
        ("RULE = 1\n", 1),
        ("", 1),
        ("import sys\nsys.exit(0)\n", 2),
        (RULE.replace("attrs={{}}", 'attrs={{"a": 1}}').format(name="mine"), 1),
    ],
)
def test_a_rule_that_cant_be_loaded_is_an_error_of_its_file(tmp_path, text, line):
    folder(tmp_path, "mine", text=text.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(AnalysisError) as caught:
        RuleRegistry([tmp_path]).get("mine")
    assert caught.value.position.file.endswith("mine/rule.py")
    assert caught.value.position.line == line


def test_a_folder_called_rule_py_is_no_rule(tmp_path):
    (tmp_path / "mine/rule.py").mkdir(parents=True)
    assert RuleRegistry([tmp_path]).names() == ()


def test_what_a_rule_raises_has_the_place_of_its_innermost_line(tmp_path):
    folder(tmp_path, "mine", text="def dig():\n    return 1 / 0\n" + RULE.replace("lambda ctx: []", "lambda ctx: int(dig())"))
    rule = RuleRegistry([tmp_path]).get("mine")
    with pytest.raises(ZeroDivisionError) as caught:
        rule.analyze(None)
    ((position, _),) = raised_at(caught.value)
    assert position.file.endswith("mine/rule.py")
    assert (position.line, position.line_text) == (2, "return 1 / 0")
    assert raised_at(ValueError()) == ()


def test_tools_are_read_from_the_rules_own_folder(tmp_path):
    folder(tmp_path, "mine")
    registry = RuleRegistry([tmp_path])
    assert registry.tool("mine", "t") == b"tool"
    with pytest.raises(AnalysisError):
        registry.tool("mine", "none")


def test_every_bundled_rule_loads_and_documents_itself():
    registry = RuleRegistry([bundled_rules()])
    assert {"genrule", "filegroup", "alias", "package", "image", "boot_test"} <= set(registry.names())
    for name in registry.names():
        rule = registry.get(name)
        assert rule.doc
        assert all(attr.doc for attr in rule.attrs.values())
