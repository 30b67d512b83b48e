"""YAML text to nodes with places: a strict subset of YAML 1.2.

One document of mappings, lists and scalars. Anchors, aliases, merge keys, tags and repeated keys are refused: a BUILD.yaml
means what stands at the place you read, and a few bytes of aliases can't become gigabytes. The scanner is libyaml's; its events
are walked here with a stack, so that deep nesting can't exhaust Python's. Pure: takes bytes. Does not know what keys mean.
Imported where a file has to be parsed: yaml and an expression of this module take 15 ms to import, and remembered packages need neither.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any, Final

import yaml

from lkbuild.base.values import dataclass
from lkbuild.syntax.complaints import MAX_DEPTH, TOO_DEEP, translate
from lkbuild.syntax.nodes import MAX_BYTES, Fields, Items, Node, Scalar
from lkbuild.syntax.source import Source, Spot

#: What YAML 1.2 calls printable (5.1), less the line breaks that only YAML 1.1 knows (U+0085, U+2028, U+2029).
_NOT_TEXT: Final = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_BREAK: Final = re.compile(r"\r\n|\r|\n")


def parse(data: bytes, file: str) -> tuple[Source, Node | None]:
    """The root node of a file, None where it holds nothing. `file` is its workspace-relative path, for errors.

    Raises:
        LoadError: at the first place that is not right.
    """
    source = decoded(data, file)
    return source, built(data, Builder(source))


def built(data: bytes, builder: Builder) -> Node | None:
    """What a builder makes of some YAML. Raises LoadError."""
    try:
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            if builder.done:
                break
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None or not builder.unread((mark.line, mark.column)):
            raise translate(builder.source, error, builder.open_bracket) from None
    return builder.root


def decoded(data: bytes, file: str) -> Source:
    """The lines of a file that is text. Raises LoadError."""
    if len(data) > MAX_BYTES:
        raise Source(file).error((0, 0), f"the file has {len(data):,} bytes", f"at most {MAX_BYTES:,} are read; split the package")
    if data[:3] == b"\xef\xbb\xbf":
        raise Source(file).error((0, 0), "the file starts with a byte order mark", "save it as UTF-8 without one")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        source, spot = _source(before, file), _end(before)
        hint = "save it as UTF-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            hint += " (it looks like UTF-16)"
        raise source.error(spot, f"the file is not UTF-8: byte 0x{data[error.start]:02x}", hint) from None
    source = _source(text, file)
    bad = _NOT_TEXT.search(text)
    if bad:
        message = f"the character U+{ord(bad.group()):04X} can't stand here"
        raise source.error(_end(text[: bad.start()]), message, 'take it out, or write an escape in double quotes: "\\u2028"')
    return source


def _source(text: str, file: str) -> Source:
    return Source(file, tuple(_BREAK.split(text)))


def _end(text: str) -> Spot:
    lines = _BREAK.split(text)
    return len(lines) - 1, len(lines[-1])


@dataclass(slots=True)
class Frame:
    """A collection that is not closed yet; `bracket` or brace: not block style. `seen` is None for a list."""

    spot: Spot
    bracket: bool
    seen: dict[str, Spot] | None
    pairs: list[tuple[Scalar, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    key: Scalar | None = None


class Builder:
    """Turns events into nodes. What it refuses, `lkbuild.syntax.general` knows how to take."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Node | None = None
        #: No more events are wanted.
        self.done = False
        self._open: list[Frame] = []
        self._documents = 0

    @property
    def open_bracket(self) -> Spot | None:
        """Where the innermost bracket or brace that is not closed stands."""
        return self._open[-1].spot if self._open and self._open[-1].bracket else None

    def take(self, event: Any) -> None:
        """Take the next event. Raises LoadError for what YAML allows and a BUILD.yaml does not."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._check_properties(event)
            self._scalar(Scalar(event.value, event.implicit[0], spot_of(event)))
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._check_properties(event)
            self._start(event, mapping=kind is yaml.MappingStartEvent)
        elif kind is yaml.MappingEndEvent:
            frame = self._open.pop()
            self._close(frame, Fields(tuple(frame.pairs), frame.spot))
        elif kind is yaml.SequenceEndEvent:
            frame = self._open.pop()
            self._close(frame, Items(tuple(frame.items), frame.spot))
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._document(event)

    def unread(self, spot: Spot) -> bool:
        """Whether what is wrong there does not count, since it stands behind all that is read."""
        del spot
        return False

    def _close(self, frame: Frame, node: Node) -> None:
        del frame  # for those who do more
        self._value(node)

    def _alias(self, event: Any) -> None:
        raise self.source.error(spot_of(event), f"the alias '*{event.anchor}' is not supported", _NO_ALIASES)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self.source.error(spot_of(event), "a second document starts here", "a BUILD.yaml is one document; take out the '---'")

    def _check_properties(self, event: Any) -> None:
        if event.anchor is not None:
            raise self.source.error(spot_of(event), f"the anchor '&{event.anchor}' is not supported", _NO_ALIASES)
        if event.tag is not None:
            raise self.source.error(
                spot_of(event), f"the tag '{short_tag(event.tag)}' is not supported", "write the value itself; quote it to get a string"
            )

    def _start(self, event: Any, *, mapping: bool) -> None:
        spot = spot_of(event)
        if self._expects_key():
            raise self.source.error(spot, f"a {'mapping' if mapping else 'list'} can't be a key", "keys are plain words")
        if len(self._open) >= MAX_DEPTH:
            raise self.source.error(spot, *TOO_DEEP)
        self._open.append(Frame(spot, event.flow_style, {} if mapping else None))

    def _expects_key(self) -> bool:
        return bool(self._open) and self._open[-1].seen is not None and self._open[-1].key is None

    def _scalar(self, node: Scalar) -> None:
        if self._expects_key():
            self._key(node)
        else:
            self._value(node)

    def _key(self, node: Scalar) -> None:
        if not node.text:
            raise self.source.error(node.spot, "a key is missing before ':'", "write name: value")
        if node.text == "<<" and node.plain:
            raise self.source.error(node.spot, "merge keys ('<<') are not supported", _NO_ALIASES)
        self._named(node)

    def _named(self, node: Scalar) -> None:
        frame = self._open[-1]
        seen = frame.seen if frame.seen is not None else {}
        first = seen.setdefault(node.text, node.spot)
        if first is not node.spot:
            related = ((first, "first written here"),)
            raise self.source.error(node.spot, f"the key '{node.text}' is repeated", "a key stands once in a mapping", related=related)
        frame.key = node

    def _value(self, node: Node) -> None:
        if not self._open:
            self.root = None if isinstance(node, Scalar) and node.plain and not node.text else node
            return
        frame = self._open[-1]
        if frame.seen is None:
            frame.items.append(node)
        elif frame.key is not None:
            frame.pairs.append((frame.key, node))
            frame.key = None
        else:  # a collection as a key: refused when it started
            raise AssertionError(node)


_NO_ALIASES: Final = "write the value out where it is used; share values by a target that others depend on"


def spot_of(event: Any) -> Spot:
    """Where an event begins."""
    mark = event.start_mark
    return mark.line, mark.column


def short_tag(tag: str) -> str:
    """A tag as it is written: `!!str`."""
    return tag.replace("tag:yaml.org,2002:", "!!")
