"""How a command ended is told in words where its exit code has a meaning."""

import signal

import pytest

from lkbuild.execution.endings import ended_with


@pytest.mark.parametrize(
    ("code", "word"),
    [(126, "run"), (127, "found"), (137, "memory"), (128 + signal.SIGSEGV, "SIGSEGV"), (128 + signal.SIGTERM, "SIGTERM")],
)
def test_a_code_of_the_shell_is_explained(code, word):
    assert ended_with(code).startswith(f"it ended with {code} (")
    assert word in ended_with(code)


@pytest.mark.parametrize("code", [1, 2, 125, 128, 128 + 64 + 1, 255])
def test_any_other_is_told_as_it_is(code):
    assert ended_with(code) == f"it ended with {code}"
