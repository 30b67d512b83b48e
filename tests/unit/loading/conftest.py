"""Directories in memory and packages from text: for tests that need no disk."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lkbuild.loading.buildfile import Rules, package_of, sections
from lkbuild.loading.coerce import Scope
from lkbuild.loading.listing import Entry, join
from lkbuild.model.attrs import Attr
from lkbuild.model.configuration import ARCHES
from lkbuild.model.rule import Rule
from lkbuild.model.target import Package
from lkbuild.syntax.parser import parse


class MemoryFiles:
    """`Files` from paths and contents; a path that ends in `/` is an empty directory, in `@` a linked one."""

    def __init__(self, files: Mapping[str, str], skipped: tuple[str, ...] = ()) -> None:
        self.files = {path: text.encode() for path, text in files.items() if path[-1] not in "/@"}
        self._skipped = skipped
        self._tree: dict[str, dict[str, Entry]] = {"": {}}
        for path in sorted(files):
            *parents, name = path.rstrip("/@").split("/")
            directory = ""
            for parent in parents:
                self._tree[directory][parent] = Entry.DIRECTORY
                directory = join(directory, parent)
                self._tree.setdefault(directory, {})
            kinds = {"/": Entry.DIRECTORY, "@": Entry.LINKED_DIRECTORY}
            self._tree[directory][name] = kinds.get(path[-1], Entry.FILE)

    def entries(self, directory: str) -> Mapping[str, Entry] | None:
        return self._tree.get(directory)

    def read(self, path: str, limit: int) -> bytes | None:
        found = self.files.get(path)
        return None if found is None else found[: limit + 1]

    def skipped(self, directory: str) -> bool:
        return directory in self._skipped


@pytest.fixture
def memory() -> type[MemoryFiles]:
    return MemoryFiles


@pytest.fixture
def load() -> Callable[..., Package]:
    """Package `p` from the text of its BUILD.yaml: rule `r` has the attributes given."""

    def build(text: str, attrs: Mapping[str, Attr], files: Mapping[str, str] | None = None, settings: tuple[str, ...] = ()) -> Package:
        rule = Rule(name="r", doc="", attrs=attrs, analyze=lambda _: [])
        source, root = parse(textwrap.dedent(text).encode(), "p/BUILD.yaml")
        scope = Scope(source, "p", MemoryFiles({"p/BUILD.yaml": text, **(files or {})}), frozenset((*ARCHES, *settings)))
        return package_of(scope, sections(source, root, "p"), Rules({"r": rule}.get, lambda: ("r",)))

    return build


@pytest.fixture
def value(load: Callable[..., Package]) -> Callable[..., Any]:
    """The value of attribute `a` of one type, from the text that stands after `a:`."""

    def build(text: str, attr: Attr, files: Mapping[str, str] | None = None) -> Any:
        package = load(f"targets:\n  t:\n    rule: r\n    a: {text}\n  other: {{rule: r}}\n", {"a": attr}, files)
        return package.targets["t"].attrs["a"]

    return build
