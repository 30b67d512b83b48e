""".dockerignore: which paths are left out."""

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.dockerfile.ignore import ignored


@pytest.mark.parametrize(
    ("patterns", "out", "kept"),
    [
        ("*.log", ["a.log"], ["d/a.log", "a.txt"]),
        ("**/*.log", ["a.log", "d/e/a.log"], ["a.txt"]),
        ("d", ["d", "d/a", "d/e/a"], ["e/d"]),
        ("/d/", ["d/a"], ["a"]),
        ("d/*\n!d/keep", ["d/a", "d/e/f"], ["d/keep", "d/keep/a"]),
        ("!a\na", ["a"], []),
        ("*\n!**/*.md\nd/x.md", ["a", "d/x.md"], ["a.md", "d/y.md"]),
        ("a?[bc]", ["axb", "ayc"], ["ab", "axd", "a/b"]),
        ("# comment\n\n  \n./a", ["a"], ["# comment"]),
        ("d/**", ["d/a", "d/e/f"], ["d", "e"]),
        ("a\\*", ["a*"], ["ab"]),
    ],
)
def test_the_last_pattern_that_fits_decides(patterns, out, kept):
    is_ignored = ignored(patterns, ".dockerignore")
    assert [path for path in [*out, *kept] if is_ignored(path)] == out


def test_a_pattern_that_leaves_the_context_is_an_error_at_its_line():
    with pytest.raises(LoadError) as caught:
        ignored("a\n../b\n", ".dockerignore")
    assert caught.value.position.line == 2
