"""The source tree, as the tests of its shape see it."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """A Python file: its path from the root, its lines, its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self):
        return self.text.count("\n")


def _read(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8")
            yield Module(str(path.relative_to(ROOT)), text, ast.parse(text, str(path)))


@pytest.fixture(scope="session")
def engine():
    """Modules of lkbuild/."""
    return tuple(_read("lkbuild"))


@pytest.fixture(scope="session")
def rules():
    """Modules of rules/."""
    return tuple(_read("rules"))


@pytest.fixture(scope="session")
def root():
    return ROOT
