"""Links between pages lead somewhere, and what stands as YAML is YAML that lkbuild reads."""

import os

import pytest
from harness.pages import anchors, blocks, links, pages
from harness.workspace import REPOSITORY

from lkbuild.syntax.parser import parse

PAGES = [pytest.param(page, id=str(page.relative_to(REPOSITORY))) for page in pages()]


def broken_links(page):
    for target in links(page):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists():
            yield f"{target}: there is no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_link_leaves_the_repository(page):
    inside = [page.parent / target.partition("#")[0] for target in links(page) if "://" not in target]
    assert [path for path in inside if not os.path.realpath(path).startswith(str(REPOSITORY))] == []


@pytest.mark.parametrize("page", PAGES)
def test_yaml_is_what_the_loader_reads(page):
    for block in blocks(page):
        if block.language == "yaml":
            parse(block.text.encode(), f"{page.name}:{block.line}")


def test_the_index_names_every_page():
    folder = REPOSITORY / "docs"
    linked = {(folder / target.partition("#")[0]).resolve() for target in links(folder / "README.md")}
    assert [str(page) for page in pages() if page.is_relative_to(folder) and page not in linked and page != folder / "README.md"] == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n[a](#title) [b](#no) [c](page.md) [d](none.md)\n`[e](code.md)`\n```sh\n[f](code.md)\n```\n")
    assert [line.partition(":")[0] for line in broken_links(page)] == ["#no", "none.md"]
