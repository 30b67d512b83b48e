"""Rules are found by path, the workspace's first, and a broken one is an error at its line."""

import pytest

from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
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


@pytest.mark.parametrize(("text", "line"), [("x = 1\nraise KeyError\n", 2), ("def\n", 1), ("RULE = 1\n", 1), ("", 1)])
def test_a_rule_that_cant_be_loaded_is_an_error_of_its_file(tmp_path, text, line):
    folder(tmp_path, "mine", text=text.replace("{", "{{"))
    with pytest.raises(AnalysisError) as caught:
        RuleRegistry([tmp_path]).get("mine")
    assert caught.value.position.file.endswith("mine/rule.py")
    assert caught.value.position.line == line


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
