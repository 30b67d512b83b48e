"""Pages of documentation as data: fenced blocks and links of a Markdown file. Does not run anything."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.workspace import REPOSITORY

_NOT_OURS = {"lkbuild-out", "__pycache__", "node_modules"}
_FENCE = re.compile(r"^(?P<fence>```+)(?P<language>\w*)\n(?P<text>.*?)^(?P=fence)\s*?$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^()\s]+)\)")
_HEADING = re.compile(r"^#+ +(?P<title>.+?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        line: of the page, from 1, where its text begins.
        language: after the fence.
        text: without the fences.
        follows: the block that stands directly before it, with nothing but blank lines between, or None.
    """

    line: int
    language: str
    text: str
    follows: Block | None

    @property
    def first(self) -> str:
        """Its first line: where a mark stands."""
        return self.text.partition("\n")[0]


def pages() -> list[Path]:
    """Every Markdown file of the repository; without git, for a machine may lack it."""
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_OURS]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return sorted(found)


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    before, end = None, 0
    for match in _FENCE.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        adjacent = before if not text[end : match.start()].strip() else None
        before, end = Block(line, match["language"], match["text"], adjacent), match.end()
        yield before


def links(page: Path) -> list[str]:
    """Targets of the links of a page, apart from those in code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return [match["target"] for match in _LINK.finditer(prose)]


def anchors(page: Path) -> set[str]:
    """The anchors that headings of a page give, by GitHub's rule."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = (match["title"].lower().replace("`", "") for match in _HEADING.finditer(text))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
