"""docs/reference says what the code says: every page is written anew and compared."""

import importlib.util

import pytest
from conftest import ACCEPT
from harness.workspace import REPOSITORY

_SPEC = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs" / "generate.py")
generate = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_page_of_the_reference_is_up_to_date(name):
    path, text = REPOSITORY / "docs" / "reference" / name, generate.PAGES[name]()
    if ACCEPT:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} is out of date: `make docs` writes it"


def test_every_page_of_the_reference_is_generated():
    assert {path.name for path in (REPOSITORY / "docs" / "reference").iterdir()} == set(generate.PAGES)


def test_every_rule_and_builtin_has_a_heading():
    rules, builtins = generate.PAGES["rules.md"](), generate.PAGES["builtins.md"]()
    assert all(f"\n## {folder.parent.name}\n" in rules for folder in (REPOSITORY / "rules").glob("*/rule.py"))
    assert all(f"\n## {name}\n" in builtins for name in generate.BUILTINS)
