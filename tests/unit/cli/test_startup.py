"""What the command imports, and when: that is what its speed is made of."""

import subprocess
import sys

import pytest

_HEAVY = ("argparse", "rich", "yaml", "networkx", "urllib3", "sqlite3", "asyncio")
_CODE = """
import sys, os
from lkbuild.cli.main import main
code = main({arguments!r}, {{"HOME": "/nonexistent"}})
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def modules_after(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(arguments=list(arguments))], capture_output=True, check=False, text=True, timeout=60
    )
    return done.returncode, done.stdout, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("help", "build"), ("build", "--help"), ("version",), ("help", "exit-codes"), ("buidl",)]
)
def test_help_and_errors_import_nothing_heavy(arguments):
    _, _, modules = modules_after(*arguments)
    assert not modules & set(_HEAVY)


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("help",), (), ("version",)])
def test_the_overview_imports_what_python_has_at_its_start_and_little_more(arguments):
    code, out, modules = modules_after(*arguments)
    assert code == 0
    assert out
    assert not modules & {"dataclasses", "re", "typing", "pathlib", "lkbuild.base.errors"}


def test_the_progress_of_a_terminal_does_not_import_rich_by_itself():
    code = "import sys, lkbuild.cli.progress.live\nsys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
