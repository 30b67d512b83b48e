"""The YAML reader against random bytes and against PyYAML's own loader."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lkbuild.base.errors import LoadError
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.parser import parse

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn", "Co"], exclude_characters="\ufeff"),
    min_size=1,
    max_size=12,
)
TREES = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20)
SCRAPS = st.lists(
    st.sampled_from(
        [
            "a",
            ":",
            ": ",
            "- ",
            "\n",
            "  ",
            "[",
            "]",
            "{",
            "}",
            ",",
            "'",
            '"',
            "#",
            "&",
            "*",
            "!",
            "|",
            ">",
            "%",
            "@",
            "\t",
            "---",
            "\\",
            "é",
            "?",
            "<<",
            "\r",
        ]
    )
).map("".join)


def plain(node: Node | None) -> Any:
    match node:
        case Scalar():
            return node.text
        case Items():
            return [plain(item) for item in node.items]
        case Fields():
            return {key.text: plain(value) for key, value in node.pairs}
        case None:
            return None


def read(data: bytes) -> Node | LoadError | None:
    try:
        return parse(data, "f")[1]
    except LoadError as error:
        return error


@given(TREES, st.booleans())
def test_what_pyyaml_writes_is_read_as_it_was(tree: Any, flow: bool) -> None:
    data = yaml.safe_dump(tree, allow_unicode=True, default_flow_style=flow, default_style='"')
    _, root = parse(data.encode(), "f")
    assert plain(root) == tree


@given(SCRAPS)
@example("a: [\n  b: }\n")
@example("- a\n-b\n- c: [d\n")
def test_text_is_read_or_refused_at_a_place_that_exists(text: str) -> None:
    found = read(text.encode())
    if not isinstance(found, LoadError):
        assert plain(found) == yaml.load(text, Loader=yaml.CBaseLoader) or found is None  # noqa: S506 - makes strings only
        return
    assert found.position is not None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= found.position.line <= len(lines)
    assert 1 <= found.position.column <= len(lines[found.position.line - 1]) + 1
    assert found.position.line_text == lines[found.position.line - 1]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = read(data)
    assert not isinstance(found, LoadError) or found.position is not None


@given(TREES)
def test_every_node_stands_where_it_says(tree: Any) -> None:
    data = yaml.safe_dump({"k": tree}, allow_unicode=True, default_style='"')
    source, root = parse(data.encode(), "f")
    nodes = [root]
    while nodes:
        node = nodes.pop()
        line, column = node.spot  # type: ignore[union-attr]  # never None: the document has a key
        start = source.lines[line][column:]
        if isinstance(node, Scalar):
            assert start.startswith('"')
        elif isinstance(node, Items):
            assert start[0] in "-["
            nodes += node.items
        elif isinstance(node, Fields):
            assert start[0] in '"{?'
            nodes += [part for pair in node.pairs for part in pair]


def test_positions_count_characters_and_not_bytes() -> None:
    with pytest.raises(LoadError) as caught:
        parse("é€😀: {a: 1, a: 2}\n".encode(), "f")
    assert caught.value.position is not None
    assert caught.value.position.column == 13
