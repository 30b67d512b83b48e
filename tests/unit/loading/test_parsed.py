"""A remembered package is the package, and is not used once anything that it was made from has changed."""

import pickle
import shutil
from dataclasses import replace

import pytest

from lkbuild.loading import workspace as module
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.model.attrs import Attr, File, ListOf, String, TextFile
from lkbuild.model.rule import Rule
from lkbuild.model.target import Package

RULE = Rule(
    name="r",
    doc="A rule.",
    attrs={
        "srcs": Attr(type=ListOf(item=File()), default=(), doc="Files."),
        "note": Attr(type=String(), default="none", doc="Text."),
        "text": Attr(type=TextFile(), doc="A file."),
    },
    analyze=lambda ctx: [],
)
BUILD = """\
targets:
  a: {rule: r, srcs: {glob: ['**/*.c']}, text: a.txt}
  b: {rule: r, srcs: [x.c, ':a'], note: {select: {amd64: x, default: y}}}
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "p/sub").mkdir(parents=True)
    (root / "BUILD.yaml").write_text("workspace: {name: w, settings: {mode: {values: [fast, small]}}}\n")
    (root / "p/BUILD.yaml").write_text(BUILD)
    for name in ("x.c", "sub/y.c", "a.txt"):
        (root / "p" / name).write_text(name)
    return root


@pytest.fixture
def load(root, tmp_path, monkeypatch):
    """Loads //p; the answer is (package, whether its BUILD.yaml was parsed)."""
    parsed = []
    real = module.package_of

    def counting(scope, *rest):
        parsed.append(scope.package)
        return real(scope, *rest)

    monkeypatch.setattr(module, "package_of", counting)

    def do(rule=RULE, name="p"):
        parsed.clear()
        loader = WorkspaceLoader(root, {"r": rule}.get, lambda: ("r",), parsed=tmp_path / "parsed")
        return loader.package(name), bool(parsed)

    return do


def test_what_is_remembered_equals_what_is_parsed_positions_included(load):
    first, was_parsed = load()
    assert was_parsed
    second, was_parsed = load()
    assert not was_parsed
    assert second == first
    for name, target in first.targets.items():
        assert dict(second.targets[name].positions) == dict(target.positions)
        assert second.targets[name].position == target.position


def change_build_file(root):
    (root / "p/BUILD.yaml").write_text(BUILD + "  c: {rule: r}\n")


def change_text_file(root):
    (root / "p/a.txt").write_text("other")


def add_globbed_file(root):
    (root / "p/sub/z.c").write_text("")


def remove_globbed_file(root):
    (root / "p/sub/y.c").unlink()


def make_a_package_of_a_globbed_folder(root):
    (root / "p/sub/BUILD.yaml").write_text("targets: {}\n")


def replace_a_file_by_a_folder(root):
    shutil.rmtree(root / "p/sub")
    (root / "p/sub").write_text("")


def add_a_setting(root):
    (root / "BUILD.yaml").write_text("workspace: {name: w, settings: {mode: {values: [fast, small, odd]}}}\n")


def ignore_a_globbed_folder(root):
    (root / "BUILD.yaml").write_text("workspace: {name: w, ignore: [p/sub], settings: {mode: {values: [fast, small]}}}\n")


@pytest.mark.parametrize(
    "change",
    [
        change_build_file,
        change_text_file,
        add_globbed_file,
        remove_globbed_file,
        make_a_package_of_a_globbed_folder,
        replace_a_file_by_a_folder,
        add_a_setting,
        ignore_a_globbed_folder,
    ],
)
def test_it_is_parsed_again_after(root, load, change):
    load()
    change(root)
    changed, was_parsed = load()
    assert was_parsed
    shutil.rmtree(root.parent / "parsed")
    assert load() == (changed, True)


@pytest.mark.parametrize(
    "attrs",
    [
        {**RULE.attrs, "note": Attr(type=String(), default="other", doc="Text.")},
        {**RULE.attrs, "note": Attr(type=String(lenient=True), default="none", doc="Text.")},
        {**RULE.attrs, "more": Attr(type=String(), default="", doc="More.")},
    ],
    ids=["default", "type", "attribute"],
)
def test_it_is_parsed_again_after_the_rule_declares(load, attrs):
    load()
    package, was_parsed = load(replace(RULE, attrs=attrs))
    assert was_parsed
    assert set(package.targets["b"].attrs) == set(attrs)


def test_a_file_that_no_glob_meets_changes_nothing(root, load):
    load()
    (root / "BUILD.yaml").write_text("# a comment\n" + (root / "BUILD.yaml").read_text())
    (root / "p/x.c").write_text("other content")
    assert not load()[1]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"", lambda data: b"\x80\x05garbage", lambda data: data[::-1]])
def test_damage_is_parsed_again(root, load, damage):
    first, _ = load()
    for path in (root.parent / "parsed").iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert load() == (first, True)
    assert load() == (first, False)


def test_a_flipped_bit_anywhere_is_parsed_again(root, load):
    first, _ = load()
    section, package = sorted((root.parent / "parsed").iterdir(), key=lambda path: path.stat().st_size)
    for path, parsed in (section, False), (package, True):
        whole = path.read_bytes()
        for place in range(0, len(whole), 97):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert load() == (first, parsed)


def test_the_workspace_section_is_parsed_again_when_its_file_changes(root, tmp_path, monkeypatch):
    def workspace():
        return WorkspaceLoader(root, {"r": RULE}.get, lambda: ("r",), parsed=tmp_path / "parsed").workspace

    first = workspace()
    monkeypatch.setattr(module, "workspace_of", None)
    assert workspace() == first
    monkeypatch.undo()
    text = (root / "BUILD.yaml").read_text()
    (root / "BUILD.yaml").write_text(text.replace(f"name: {first.name}", "name: another"))
    assert workspace().name == "another"


def test_the_outline_and_the_values_of_attributes_are_kept_beside_the_package(root, tmp_path, monkeypatch):
    def loader():
        return WorkspaceLoader(root, {"r": RULE}.get, lambda: ("r",), parsed=tmp_path / "parsed")

    made, kept = loader(), loader()
    expected = made.outline("p"), [made.values("p", name) for name in ("srcs", "note", "testonly", "nothing")]
    whole = made.package("p")
    monkeypatch.setattr(module, "package_of", None)
    assert (kept.outline("p"), [kept.values("p", name) for name in ("srcs", "note", "testonly", "nothing")]) == expected
    assert expected[1] == [[target.attrs["srcs"] for target in whole.targets.values()], *expected[1][1:3], [None, None]]
    # No target was made for any of it: the package is taken apart when it is asked for.
    taken = []
    monkeypatch.setattr(Package, "__setstate__", lambda self, state: taken.append(state))
    assert loader().outline("p") == expected[0]
    assert not taken


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


def test_nothing_but_values_of_lkbuild_is_read(root, load, capsys):
    load()
    for path in (root.parent / "parsed").iterdir():
        path.write_bytes(pickle.dumps(Bomb()))
    assert load()[1]
    assert "boom" not in capsys.readouterr().out


def test_an_error_is_found_each_time(root, load):
    (root / "p/BUILD.yaml").write_text("targets:\n  a: {rule: q}\n")
    for _ in range(2):
        with pytest.raises(module.LoadError) as caught:
            load()
        assert (caught.value.position.file, caught.value.position.line) == ("p/BUILD.yaml", 2)
