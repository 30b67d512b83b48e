"""No file and no function grows beyond what can be read at a sitting (style.md, section 1: budget the tail)."""

import ast
from statistics import median

FILE_LINES = 500
FILE_MEDIAN = 200
FUNCTION_LINES = 60


def test_no_file_is_longer_than_the_cap(engine, rules):
    long = {module.path: module.lines for module in (*engine, *rules) if module.lines > FILE_LINES}
    assert not long


def test_the_median_file_is_short(engine, rules):
    assert median(module.lines for module in (*engine, *rules)) < FILE_MEDIAN


def test_no_function_is_longer_than_the_cap(engine, rules):
    long = {
        f"{module.path}:{node.lineno} {node.name}": length
        for module in (*engine, *rules)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long
