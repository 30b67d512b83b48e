"""ruff and mypy have nothing to say: linters are tests, so that nobody forgets them."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = {
    "ruff check": ("ruff", "check", "--no-cache", "."),
    "ruff format": ("ruff", "format", "--no-cache", "--check", "."),
    "mypy": ("mypy", "--cache-dir=/dev/null"),  # 8 s; a cache that several runs share goes stale
}


@pytest.mark.parametrize("name", TOOLS)
def test_the_linter_finds_nothing(name, root):
    program, *arguments = TOOLS[name]
    tool = Path(sys.executable).with_name(program)
    done = subprocess.run([tool, *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
