"""The loader on a directory: packages, labels, patterns."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lkbuild.base.errors import Interrupted, LoadError, Position
from lkbuild.base.label import Label, Pattern
from lkbuild.loading.workspace import WorkspaceLoader, find_workspace
from lkbuild.model.attrs import Attr, File, ListOf
from lkbuild.model.rule import Rule

RULE = Rule(name="r", doc="", attrs={"srcs": Attr(type=ListOf(item=File()), doc="", default=())}, analyze=lambda _: [])
TREE = {
    "BUILD.yaml": "workspace: {name: w, ignore: [old/]}\ntargets: {top: {rule: r}}\n",
    "a/BUILD.yaml": "targets:\n  desktop: {rule: r}\n  desktop.iso.sig: {rule: r}\n  slow: {rule: r, manual: true}\n",
    "a/b/BUILD.yaml": "targets: {b: {rule: r, srcs: [{glob: '*'}, {select: {amd64: ['//a:desktop']}}]}, x: {rule: r}}\n",
    "a/b/file": "",
    "m/BUILD.yaml": "targets: {only: {rule: r, manual: true}}\n",
    "e/BUILD.yaml": "doc: Nothing.\n",
    "plain/deep/BUILD.yaml": "targets: {deep: {rule: r}}\n",
    "cache/BUILD.yaml": "targets: {no: {rule: r}}\n",
    "a/cache/BUILD.yaml": "targets: {yes: {rule: r}}\n",
    "old/BUILD.yaml": "[",
    ".hidden/BUILD.yaml": "[",
    "lkbuild-out/BUILD.yaml": "[",
    "a/node_modules/x/BUILD.yaml": "[",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "linked").symlink_to("a")
    return tmp_path


@pytest.fixture
def loader(root: Path) -> WorkspaceLoader:
    return WorkspaceLoader(root, {"r": RULE}.get, lambda: ("r",))


@pytest.fixture
def expand(loader: WorkspaceLoader) -> Callable[..., list[str]]:
    return lambda *patterns: [str(label) for label in loader.expand([Pattern.parse(text) for text in patterns])]


def test_the_workspace_is_found_from_below_and_not_at_a_package_on_the_way(root: Path) -> None:
    assert find_workspace(root / "a" / "b") == root


def test_packages_are_found_where_they_may_be(loader: WorkspaceLoader) -> None:
    assert list(loader.packages()) == ["", "a", "a/b", "a/cache", "e", "m", "plain/deep"]
    assert list(loader.packages("a")) == ["a", "a/b", "a/cache"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["//plain/..."], ["//plain/deep:deep"]),
        (["//a:all"], ["//a:desktop", "//a:desktop.iso.sig"]),
        (["//a:*", "-//a:desktop"], ["//a:desktop.iso.sig"]),
        (["//a:slow", "//a:desktop"], ["//a:slow", "//a:desktop"]),
        (["//a/b:x", "//a/b/..."], ["//a/b:x", "//a/b:b"]),
        (["//a:desktop.iso"], ["//a:desktop.iso"]),
        (["-//a:desktop", "//a:desktop"], ["//a:desktop"]),
        (["//...", "-//a/...", "-//:all"], ["//plain/deep:deep"]),
    ],
)
def test_patterns_select_in_order(patterns: list[str], expected: list[str], expand: Callable[..., list[str]]) -> None:
    assert expand(*patterns) == expected


@pytest.mark.parametrize(
    "patterns",
    [
        ["//a:desktpo"],
        ["//b"],
        ["//nothing/..."],
        ["//m:all"],
        ["//m/..."],
        ["//e:all"],
        ["//cache:no"],
        ["//cache/..."],
        ["//old:x"],
        ["//linked:desktop"],
        ["//linked/..."],
        ["//a/b/file:x"],
        ["//...", "-//a:typo"],
        ["//...", "-//typo:all"],
    ],
)
def test_a_pattern_that_selects_nothing_is_an_error(patterns: list[str], expand: Callable[..., list[str]]) -> None:
    with pytest.raises(LoadError) as caught:
        expand(*patterns)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("//a:desktop", ("//a:desktop", None)),
        ("//a:desktop.iso", ("//a:desktop", "iso")),
        ("//a:desktop.iso.sig", ("//a:desktop.iso.sig", None)),
        ("//a:desktop.iso.sig.asc", ("//a:desktop.iso.sig", "asc")),
        ("//a:desktop.tar.zst", ("//a:desktop", "tar.zst")),
        ("//a/b.iso", ("//a/b:b", "iso")),
        ("//a/b.tar.zst", ("//a/b:b", "tar.zst")),
    ],
)
def test_a_label_may_name_an_output_of_a_target(text: str, expected: tuple[str, str | None], loader: WorkspaceLoader) -> None:
    label, group = loader.resolve(Label.parse(text))
    assert (str(label), group) == expected


def test_what_is_missing_is_an_error_where_it_was_asked_for(loader: WorkspaceLoader) -> None:
    here = Position(file="x/BUILD.yaml", line=3, column=7)
    for text in ("//a:dekstop", "//aa:x", "//a/desktop"):
        with pytest.raises(LoadError) as caught:
            loader.target(Label.parse(text), referrer=here)
        assert caught.value.position == here
        assert "did you mean" in (caught.value.hint or "")


def test_a_package_is_the_same_after_pickling(loader: WorkspaceLoader) -> None:
    package = loader.package("a/b")
    hash(package.targets["b"].attrs)
    again = pickle.loads(pickle.dumps(package))  # noqa: S301 - our own bytes
    assert again == package
    assert again.targets["b"].positions == package.targets["b"].positions
    assert again.targets["b"].position == package.targets["b"].position


def test_loading_twice_gives_the_same_object(loader: WorkspaceLoader) -> None:
    assert loader.package("a") is loader.package("a")


def test_a_wildcard_may_be_stopped_at_each_directory_and_package_and_goes_on_where_it_was(loader: WorkspaceLoader) -> None:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    everything = [Pattern.parse("//...")]
    expected = loader.expand(everything, count)
    directories = {"", "a", "a/b", "a/cache", "e", "m", "plain", "plain/deep"}
    packages = directories - {"plain"}
    assert steps == len(directories) + len(packages)

    fresh = WorkspaceLoader(loader.root, {"r": RULE}.get, lambda: ("r",))
    for allowed in range(steps):
        left = iter(range(allowed))

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Interrupted("enough")

        with pytest.raises(Interrupted):
            fresh.expand(everything, check)
    assert fresh.expand(everything) == expected
