"""Patterns over a package's files."""

from __future__ import annotations

from typing import Any

import pytest

from lkbuild.loading import globs

FILES = {
    "p/BUILD.yaml": "",
    "p/a.c": "",
    "p/b.c": "",
    "p/B.h": "",
    "p/[x].c": "",
    "p/.git/config": "",
    "p/.env": "",
    "p/src/a.c": "",
    "p/src/deep/a.c": "",
    "p/src/deep/.b.c": "",
    "p/lib/BUILD.yaml": "",
    "p/lib/z.c": "",
    "p/linked@": "",
    "p/empty/": "",
    "p/out/o.c": "",
    "q/a.c": "",
}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.c"], [], ["[x].c", "a.c", "b.c"]),
        (["?.c"], [], ["a.c", "b.c"]),
        (["[ab].c"], [], ["a.c", "b.c"]),
        (["[!a].c"], [], ["b.c"]),
        (["[x].c"], [], ["[x].c"]),
        (["*.H"], [], []),
        (["**/*.c"], [], ["[x].c", "a.c", "b.c", "src/a.c", "src/deep/a.c"]),
        (["**/a.c"], [], ["a.c", "src/a.c", "src/deep/a.c"]),
        (["src/**"], [], ["src/a.c", "src/deep/a.c"]),
        (["src/**/deep/**/a.c"], [], ["src/deep/a.c"]),
        (["**/**/deep/*"], [], ["src/deep/a.c"]),
        (["*/a.c"], [], ["src/a.c"]),
        (["*"], ["*.c"], ["B.h"]),
        (["**"], ["**/a.c", "[[]x].c"], ["B.h", "b.c"]),
        (["**"], ["src/**"], ["B.h", "[x].c", "a.c", "b.c"]),
        ([".*"], [], [".env"]),
        (["src/deep/.*"], [], ["src/deep/.b.c"]),
        (["src/deep/.*"], ["**/*.c"], []),
        ([".git/*"], [], [".git/config"]),
        (["BUILD.*"], [], []),
        (["BUILD.yaml"], [], ["BUILD.yaml"]),
        (["lib/*"], [], []),
        (["linked/*"], [], []),
        (["empty/*"], [], []),
        (["out/*"], [], []),
        (["a.c", "*.c", "src/a.c"], [], ["[x].c", "a.c", "b.c", "src/a.c"]),
    ],
)
def test_a_pattern_matches(include: list[str], exclude: list[str], expected: list[str], memory: Any) -> None:
    assert globs.expand(memory(FILES, ("p/out",)), "p", include, exclude) == tuple(expected)


def test_the_root_package_does_not_reach_into_others(memory: Any) -> None:
    assert globs.expand(memory({"BUILD.yaml": "", "x/a.c": "", **FILES}), "", ["**/a.c"]) == ("q/a.c", "x/a.c")


@pytest.mark.parametrize("pattern", ["", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a**", "**b/c"])
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    assert globs.problem(pattern) is not None


@pytest.mark.parametrize("pattern", ["*", "**", "a/**/b", ".x", "a b"])
def test_what_is_a_pattern_has_no_problem(pattern: str) -> None:
    assert globs.problem(pattern) is None
