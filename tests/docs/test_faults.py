"""The tables of faults, and of what holds on every architecture, name tests that exist."""

import ast
import re

import pytest
from harness.workspace import REPOSITORY

PAGE = REPOSITORY / "docs/design/0150-faults.md"
TABLES = (PAGE, REPOSITORY / "docs/guide/architectures.md")
NAMED = sorted({found for page in TABLES for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())})


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_of_the_table_exists(path, name):
    tree = ast.parse((REPOSITORY / path).read_text())
    assigned = [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert name in {*assigned, *defined}


def test_every_fault_has_a_test():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| fault |")]
    assert len(rows) > 25
    assert [row for row in rows if "::" not in row] == []
