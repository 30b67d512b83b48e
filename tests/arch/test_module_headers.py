"""Every module says what it does, and is named after a thing."""

import ast
from pathlib import PurePath

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}


def test_every_module_opens_with_a_docstring(engine, rules):
    silent = [module.path for module in (*engine, *rules) if not ast.get_docstring(module.tree)]
    assert not silent


def test_no_module_is_named_after_a_heap(engine, rules):
    heaps = [module.path for module in (*engine, *rules) if PurePath(module.path).stem in FORBIDDEN]
    assert not heaps


def test_every_package_of_the_engine_has_an_init(engine, root):
    folders = {PurePath(module.path).parent for module in engine}
    assert [str(folder) for folder in folders if not (root / folder / "__init__.py").exists()] == []
