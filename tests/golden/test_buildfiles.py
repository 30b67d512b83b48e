"""Malformed workspaces as data: each must fail with its errors, mostly one, on their very lines.

`buildfiles/*.chunks` holds small workspaces. `--- title` starts one, `=== path` a file in it; without one, the text is
`p/BUILD.yaml`, and the root gets a workspace section unless the chunk has a root of its own. A line that ends in
`### CLASS`, `### CLASS:COLUMN` or either with `"regex"` must raise that error there, and no other line may raise one; a workspace without
such a line must load and analyse.
The words of all messages are in `buildfiles/messages.expected`: `LKBUILD_ACCEPT=1 pytest tests/golden` accepts a change.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.base import errors
from lkbuild.base.label import Pattern
from lkbuild.cli.main import main
from lkbuild.cli.render import render_error
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.model.configuration import Configuration, NodeKey

FOLDER = Path(__file__).parent / "buildfiles"
EXPECTED = FOLDER / "messages.expected"
MARK = re.compile(r"""[ ]*\#\#\#\ (?P<kind>\w+)(:(?P<column>\d+))?([ ]"(?P<regex>.*)")?$""", re.VERBOSE)
RULES = RuleRegistry((bundled_rules(),))
RULE_NAMES = ("alias", "filegroup", "genrule", "http_file")  # what hints list: not all, so that a new rule changes no golden


@dataclass(frozen=True)
class Mark:
    """What must be wrong, and where."""

    kind: str
    file: str
    line: int
    column: int | None
    regex: str


@dataclass(frozen=True)
class Chunk:
    """One workspace: its files, and its marks if it is malformed."""

    title: str
    files: dict[str, str]
    marks: tuple[Mark, ...]

    def write(self, root: Path) -> Path:
        for path, text in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root


def read_chunks(path: Path) -> list[Chunk]:
    chunks: list[Chunk] = []
    for text in re.split(r"^--- ", path.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = text.partition("\n")
        parts = re.split(r"^=== (.*)\n", body, flags=re.MULTILINE)
        named = dict(zip(parts[1::2], parts[2::2], strict=True))
        written = {"p/BUILD.yaml": parts[0], **named} if parts[0] else named
        files: dict[str, str] = {"BUILD.yaml": "workspace: {name: golden}\n"}
        marks: list[Mark] = []
        for name, content in written.items():
            lines = content.splitlines()
            for number, line in enumerate(lines, start=1):
                found = MARK.search(line)
                if found:
                    column = int(found["column"]) if found["column"] else None
                    marks.append(Mark(found["kind"], name, number, column, found["regex"] or ""))
            files[name] = "".join(MARK.sub("", line) + "\n" for line in lines)
        chunks.append(Chunk(f"{path.stem}: {title}", files, tuple(marks)))
    return chunks


CHUNKS = [chunk for path in sorted(FOLDER.glob("*.chunks")) for chunk in read_chunks(path)]
MALFORMED = [chunk for chunk in CHUNKS if chunk.marks]
VALID = [chunk for chunk in CHUNKS if not chunk.marks]


def title(chunk: Chunk) -> str:
    return chunk.title.replace(" ", "_")


def analyze(root: Path) -> None:
    """Load and analyse everything in a workspace."""
    loader = WorkspaceLoader(root, RULES.get, lambda: RULE_NAMES)
    configuration = Configuration(arch="amd64", exec_arch="amd64", settings=())
    analyzer = Analyzer(target=loader.target, rule=RULES.get, tool=RULES.tool)
    analyzer.analyze(NodeKey(label, configuration) for label in loader.expand([Pattern.parse("//...")]))


def failure(root: Path) -> errors.LkbuildError:
    with pytest.raises(errors.LkbuildError) as caught:
        analyze(root)
    return caught.value


@pytest.mark.parametrize("chunk", MALFORMED, ids=title)
def test_a_malformed_workspace_gives_each_of_its_errors_at_its_position(chunk: Chunk, tmp_path: Path) -> None:
    found = failure(chunk.write(tmp_path)).each()
    assert len(found) == len(chunk.marks), "\n".join(map(render_error, found))
    for error, mark in zip(found, chunk.marks, strict=True):
        assert error.position is not None, error.message
        assert (type(error).__name__, error.position.file, error.position.line) == (mark.kind, mark.file, mark.line), render_error(error)
        assert mark.column in (None, error.position.column), render_error(error)
        assert re.search(mark.regex, error.message), render_error(error)
        assert error.position.line_text == chunk.files[mark.file].splitlines()[mark.line - 1]
        assert error.hint or mark.kind != "LoadError", f"no hint: {error.message}"


@pytest.mark.parametrize("chunk", MALFORMED, ids=title)
def test_the_command_reports_a_malformed_workspace_and_exits_by_its_class(
    chunk: Chunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = chunk.write(tmp_path / "workspace")
    monkeypatch.chdir(root)
    environment = {"LKBUILD_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path), "PATH": os.defpath}
    exit_code = main(["build", "--json", "--offline", "--arch=amd64", "//..."], environment)
    report = json.loads(capfd.readouterr().out)
    assert exit_code == report["exit_code"] == getattr(errors, chunk.marks[0].kind, errors.AnalysisError).exit_code
    told = [(error["class"], error["file"], error["line"]) for error in report["errors"]]
    assert told == [(mark.kind, mark.file, mark.line) for mark in chunk.marks]


@pytest.mark.parametrize("chunk", VALID, ids=title)
def test_a_well_formed_workspace_loads(chunk: Chunk, tmp_path: Path) -> None:
    analyze(chunk.write(tmp_path))


def test_the_words_of_every_error_are_as_accepted(tmp_path: Path) -> None:
    shown = []
    for number, chunk in enumerate(MALFORMED):
        root = tmp_path / str(number)
        root.mkdir()
        shown.append(f"--- {chunk.title}\n{render_error(failure(chunk.write(root)))}")
    text = "".join(shown)
    if os.environ.get("LKBUILD_ACCEPT"):
        EXPECTED.write_text(text)
    assert text == EXPECTED.read_text(), "the words changed: LKBUILD_ACCEPT=1 pytest tests/golden accepts them"


def test_forty_malformed_workspaces_and_more_are_kept() -> None:
    assert len(MALFORMED) >= 40
