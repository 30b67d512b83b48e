"""What the documentation shows is run, page by page, in a copy of the repository.

A block whose first line is `# file: PATH` is written there. An `sh` block whose first line is `# tested` is run at the root of the
copy; a `text` block that stands directly after it is what it prints on stdout, with `...` for what differs from run to run. A page
with a block that is `# tested, slow` builds or boots an image; one that is `# tested, engine` has a Docker engine.
"""

import doctest
import re
import subprocess
from pathlib import Path

import pytest
from harness.pages import blocks, pages
from harness.terminal import clone, environment
from harness.workspace import PATIENCE_S, REPOSITORY

_FILE = re.compile(r"# file: (?P<path>[\w./-]+)$")
_TESTED = "# tested"
_ENGINE = "engine"


def marks(page):
    tested = [block.first for block in blocks(page) if block.first.startswith(_TESTED)]
    if not tested:
        return None
    return [pytest.mark.network, *([pytest.mark.slow] if any("slow" in first or _ENGINE in first for first in tested) else [])]


PAGES = [pytest.param(page, id=str(page.relative_to(REPOSITORY)), marks=found) for page in pages() if (found := marks(page)) is not None]


def run(block, page, root, more):
    done = subprocess.run(
        ["sh", "-eu", "-c", block.text],
        cwd=root,
        env=environment(more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{page}:{block.line} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def same(expected, printed):
    return doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def follow(page, root, more=None):
    """Write the files and run the commands of a page in their order, with more in their environment; how many commands ran."""
    printed: dict[int, str] = {}
    for block in blocks(page):
        if match := _FILE.match(block.first):
            target = root / match["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text.partition("\n")[2], encoding="utf-8")
        elif block.language == "sh" and block.first.startswith(_TESTED):
            printed[block.line] = run(block, page, root, more or {})
        elif block.language == "text" and block.follows is not None and block.follows.line in printed:
            told = printed[block.follows.line]
            assert same(block.text, told), f"{page}:{block.line} shows\n{block.text}\nand this was printed:\n{told}"
    return len(printed)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, tmp_path, request):
    needed = any(block.first.startswith(_TESTED) and _ENGINE in block.first for block in blocks(page))
    engine = request.getfixturevalue("engine") if needed else {}
    root = tmp_path / "lkbuild"
    clone(root)
    assert follow(page, root, engine) > 0


def test_a_page_that_lies_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```sh\n# tested\necho one\n```\n\n```text\ntwo\n```\n")
    with pytest.raises(AssertionError, match="this was printed"):
        follow(page, tmp_path)
    page.write_text("```sh\n# tested\nfalse\n```\n")
    with pytest.raises(AssertionError, match="ended with 1"):
        follow(page, tmp_path)


def test_a_page_may_leave_out_what_differs(tmp_path):
    page = Path(tmp_path / "page.md")
    page.write_text("```yaml\n# file: a/b.yaml\nx: 1\n```\n```sh\n# tested\ncat a/b.yaml; pwd\n```\n\n```text\nx: 1\n/...\n```\n")
    assert follow(page, tmp_path) == 1
