"""YAML as other tools take it: anchors, aliases, merge keys and the tags of the core schema, on top of what a BUILD.yaml may hold.

Follows Go's yaml.v3, which LinuxKit reads with: an explicit key stands before a merged one, the first document counts, and what
aliases make of a file has a bound. A node that an alias stands for keeps the place where it is written. Pure.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from lkbuild.base.errors import nearest
from lkbuild.syntax.nodes import Fields, Items, Node, Scalar
from lkbuild.syntax.parser import Builder, Frame, built, decoded, short_tag, spot_of
from lkbuild.syntax.source import Source, Spot

#: How many nodes a file may come to when each alias is replaced by what it stands for.
MAX_NODES: Final = 100_000
_BOM: Final = b"\xef\xbb\xbf"
#: Tags that say what a scalar is anyhow, and those of collections.
_RESOLVED: Final = ("!!int", "!!bool", "!!float", "!!null")
_COLLECTION: Final = ("!!map", "!!seq")


def parse(data: bytes, file: str) -> tuple[Source, Node | None, Spot | None]:
    """The first document of a file, None where it holds nothing, and where a second one starts. Raises LoadError."""
    data = data.removeprefix(_BOM)
    source = decoded(data, file)
    builder = _GeneralBuilder(source)
    root = built(data, builder)
    return source, root, builder.second


_MERGES: Final = "write <<: *name, or <<: [*name, *other]"


def _is_merge(key: Scalar) -> bool:
    return key.text == "<<" and key.plain


class _GeneralBuilder(Builder):
    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.second: Spot | None = None
        self._ended = False
        self._anchors: dict[str, Node] = {}
        self._frame_anchors: dict[int, str] = {}
        self._merges: dict[int, list[tuple[Scalar, Node]]] = {}
        self._sizes: dict[str, int] = {}
        self._nodes = 0
        self._anchor: str | None = None

    def _document(self, event: Any) -> None:
        if self._documents:
            self.second, self.done = spot_of(event), True
        self._documents += 1

    def _check_properties(self, event: Any) -> None:
        self._anchor = event.anchor
        tag = short_tag(event.tag) if event.tag is not None else None
        if tag is None or tag in ("!!str", *_RESOLVED, *_COLLECTION):
            return
        hint = nearest(tag, ("!!str", *_RESOLVED)) or "write the value itself; quote it to get a string"
        raise self.source.error(spot_of(event), f"the tag '{tag}' is not supported", hint)

    def unread(self, spot: Spot) -> bool:
        """As Builder: yaml.v3 reads up to the end of the first document, and no further."""
        if self._ended:
            self.second = spot
        return self._ended

    def take(self, event: Any) -> None:
        """As Builder."""
        self._ended = self._ended or type(event) is yaml.DocumentEndEvent
        tag = getattr(event, "tag", None)
        if tag == "!":  # says nothing to yaml.v3: `! 5` is a number
            event.tag = None
            if hasattr(event, "value"):
                event.implicit = (not event.style, False)
        elif tag is not None and hasattr(event, "value"):
            # PyYAML says "plain" only of what has no tag: `!!int "5"` is 5, `!!str 5` is text.
            event.implicit = (short_tag(tag) in _RESOLVED, False)
        self._count(1, event)
        super().take(event)

    def _start(self, event: Any, *, mapping: bool) -> None:
        super()._start(event, mapping=mapping)
        if self._anchor is not None:
            self._frame_anchors[len(self._open)] = self._anchor

    def _close(self, frame: Frame, node: Node) -> None:
        depth = len(self._open) + 1
        merges = self._merges.pop(depth, None)
        if merges is not None and isinstance(node, Fields):
            node = self._merged(node, merges)
        anchor = self._frame_anchors.pop(depth, None)
        if anchor is not None:
            self._remember(anchor, node)
        super()._close(frame, node)

    def _scalar(self, node: Scalar) -> None:
        if self._anchor is not None:
            self._remember(self._anchor, node)
            self._anchor = None
        super()._scalar(node)

    def _key(self, node: Scalar) -> None:
        if _is_merge(node) or not (node.text or node.plain):
            self._named(node)
        else:
            super()._key(node)

    def _value(self, node: Node) -> None:
        key = self._open[-1].key if self._open else None
        if key is not None and _is_merge(key):
            self._merges.setdefault(len(self._open), []).append((key, node))
            self._open[-1].key = None
            return
        super()._value(node)

    def _alias(self, event: Any) -> None:
        spot = spot_of(event)
        node = self._anchors.get(event.anchor)
        if node is None:
            hint = nearest(event.anchor, self._anchors) or "an anchor stands before the aliases that name it, and not around them"
            raise self.source.error(spot, f"no anchor '&{event.anchor}'", hint)
        self._count(self._sizes[event.anchor], event)
        key = self._open[-1].key if self._open else None
        if key is not None and _is_merge(key) and not isinstance(node, Fields):
            raise self.source.error(spot, f"'*{event.anchor}' is no mapping, and only mappings can be merged", _MERGES)
        if self._expects_key():
            if not isinstance(node, Scalar):
                raise self.source.error(spot, "a mapping or list can't be a key", "keys are plain words")
            self._key(Scalar(node.text, node.plain, spot))
        else:
            self._value(node)

    def _merged(self, node: Fields, merges: list[tuple[Scalar, Node]]) -> Fields:
        """A mapping with the keys of its `<<` that it does not have itself; of several, the first has its way."""
        pairs = {key.text: (key, value) for key, value in node.pairs}
        for key, value in merges:
            for part in value.items if isinstance(value, Items) else (value,):
                if not isinstance(part, Fields):
                    raise self.source.error(key.spot, "only mappings can be merged", _MERGES)
                for pair in part.pairs:
                    pairs.setdefault(pair[0].text, pair)
        return Fields(tuple(pairs.values()), node.spot)

    def _remember(self, anchor: str, node: Node) -> None:
        self._anchors[anchor] = node
        self._sizes[anchor] = _size(node, MAX_NODES)

    def _count(self, nodes: int, event: Any) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self.source.error(spot_of(event), f"aliases make more than {MAX_NODES:,} values of this file", "write fewer of them")


def _size(node: Node, limit: int) -> int:
    """How many nodes a node is, or a little more than `limit`."""
    count, stack = 0, [node]
    while stack and count <= limit:
        found = stack.pop()
        count += 1
        if isinstance(found, Items):
            stack.extend(found.items)
        elif isinstance(found, Fields):
            stack.extend(value for _, value in found.pairs)
    return count
