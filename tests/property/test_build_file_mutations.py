"""A good BUILD.yaml with some characters changed is read, or refused at a place: it never ends in another error."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.base.errors import AnalysisError, LkbuildError, LoadError
from lkbuild.loading.buildfile import Rules, package_of, sections
from lkbuild.loading.coerce import Scope
from lkbuild.loading.dependencies import declared
from lkbuild.loading.listing import Entry
from lkbuild.loading.select import resolve_target
from lkbuild.loading.settings import conditions, workspace_of
from lkbuild.model.configuration import Configuration
from lkbuild.syntax.parser import parse

REGISTRY = RuleRegistry((bundled_rules(),))
TEXT = """\
workspace: {name: w, settings: {kernel: {values: [a, b]}}, configs: {q: {kernel: b}}, ignore: [x]}
visibility: [//a/..., private]
targets:
  one:
    rule: genrule
    srcs:
      - f.txt
      - glob: ["*.txt"]
        exclude: g.*
      - select: {amd64: [":two"], kernel=b: null, default: []}
    outs: [o]
    cmd: {select: {arm64: x, default: y}}
    env: {MODE: 0644, A: no}
    toolchain: //t:c
  two: {rule: filegroup, srcs: {select: {default: [f.txt, "//q"]}}, manual: true, tags: [t]}
  three:
    rule: http_file
    urls: http://127.0.0.1/x
    sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    size: 12
"""
PIECES = st.sampled_from(
    [
        "",
        ":",
        " ",
        "\n",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "-",
        "//",
        "..",
        "/",
        "*",
        "**",
        "0",
        "null",
        "select",
        "glob",
        "  ",
        "#",
        "é",
        ", ",
        "default",
        "~",
    ]
)
EDITS = st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 4), PIECES), min_size=1, max_size=3)


class OneFolder:
    """Two files at the root."""

    def entries(self, directory: str) -> Mapping[str, Entry] | None:
        names = ("BUILD.yaml", "f.txt", "g.txt")
        return None if directory else dict.fromkeys(names, Entry.FILE)

    def read(self, path: str, limit: int) -> bytes | None:
        return None

    def skipped(self, directory: str) -> bool:
        return False


def load(text: str) -> LkbuildError | int:
    """The error, or how many dependencies it has."""
    files = OneFolder()
    try:
        source, root = parse(text.encode(), "BUILD.yaml")
        top = sections(source, root, "")
        workspace = workspace_of(source, top, files, "0.1")
        package = package_of(Scope(source, "", files, conditions(workspace.settings)), top, Rules(REGISTRY.get, REGISTRY.names))
        count = 0
        for target in package.targets.values():
            resolved = resolve_target(target, Configuration(arch="amd64", exec_arch="amd64"), workspace.settings)
            rule = REGISTRY.get(target.rule)
            assert rule is not None
            count += sum(resolved.at(*edge.path).line > 0 for edge in declared(rule, resolved.attrs, resolved))
    except (LoadError, AnalysisError) as error:
        return error
    return count


def test_the_text_itself_is_good() -> None:
    assert load(TEXT) == 3


@settings(max_examples=300)
@given(EDITS)
def test_an_edited_file_is_read_or_refused_at_a_place(edits: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    found = load(text)
    if isinstance(found, int):
        return
    lines = text.split("\n")
    for error in found.each():
        assert error.position is not None, error.message
        assert error.position.file == "BUILD.yaml"
        assert 1 <= error.position.line <= len(lines)
        assert 1 <= error.position.column <= len(lines[error.position.line - 1]) + 1
        assert error.hint, error.message
