"""A linuxkit.yml as the sections of a BUILD.yaml: as text with its comments, and as values. Pure.

A section is moved over as it is written where that can be: one file has it, or each has it as a list in block style. Whether the
text means the same there is for the caller to check; the values are what it must mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from lkbuild.base.values import dataclass
from lkbuild.linuxkit.metadata import written
from lkbuild.syntax.general import parse
from lkbuild.syntax.nodes import Fields, Items, Node

_INDENT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A top-level key as it stands in one file.

    Attributes:
        name: the key.
        before: comment lines above it.
        lines: its own, from that of the key to the last.
        dash: the column of its `-`, where it is a list in block style below its key.
        starts: how many of its lines come before the first `-`.
    """

    name: str
    before: tuple[str, ...]
    lines: tuple[str, ...]
    dash: int | None
    starts: int


def sections(data: bytes, file: str) -> list[Section]:
    """The sections of a file, in its order; none where its keys do not stand at the left edge. Raises LoadError."""
    source, root, second = parse(data, file)
    if not isinstance(root, Fields) or any(key.spot[1] for key, _ in root.pairs):
        return []
    end = second[0] if second is not None else len(source.lines)
    starts = [key.spot[0] for key, _ in root.pairs]
    tops = [_top(source.lines, start, previous) for start, previous in zip(starts, [-1, *starts], strict=False)]
    found = []
    for (key, value), start, top, stop in zip(root.pairs, starts, tops, [*tops[1:], end], strict=True):
        lines = _trimmed(source.lines[start:stop])
        dash = _dash(value, start)
        before = tuple(line for line in source.lines[top:start] if line.strip() and not line.startswith("---"))
        found.append(
            Section(name=key.text, before=before, lines=lines, dash=dash, starts=value.spot[0] - start if dash is not None else len(lines))
        )
    return found


def _top(lines: Sequence[str], start: int, previous: int) -> int:
    """Where the comments above a key begin: those at its column, after the previous section."""
    top = start
    while top - 1 > previous and (not lines[top - 1].strip() or lines[top - 1].startswith(("#", "---"))):
        top -= 1
    return top


def _trimmed(lines: Sequence[str]) -> tuple[str, ...]:
    end = len(lines)
    while end > 1 and not lines[end - 1].strip():
        end -= 1
    return tuple(lines[:end])


def _dash(value: Node, start: int) -> int | None:
    if isinstance(value, Items) and value.items and value.spot[0] > start and value.items[0].spot[1] > value.spot[1]:
        return value.spot[1]
    return None


def moved(parts: Sequence[Section]) -> str | None:
    """The text of a section of a target that has what several files say of it; None where their texts can't be joined."""
    first = parts[0]
    if len(parts) == 1:
        return _text([*first.before, *first.lines])
    if any(part.dash is None for part in parts):
        return None
    lines = [*first.before, f"{first.name}:"]
    for part in parts:
        lines += part.before if part is not first else ()
        lines += [_shifted(line, 2 - (part.dash or 0)) for line in part.lines[1:]]
    return _text(lines)


def _shifted(line: str, columns: int) -> str:
    if columns >= 0:
        return " " * columns + line if line.strip() else ""
    return line[min(-columns, len(line) - len(line.lstrip())) :]


def rewritten(name: str, value: Any) -> str:
    """The text of a section from its value, without comments."""
    return _text(written({name: value}, "yaml").rstrip("\n").split("\n"))


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{' ' * _INDENT}{line}\n" if line.strip() else "\n" for line in lines)


def build_file(head: Sequence[str], name: str, texts: Mapping[str, str], *, layout: str, sources: Sequence[str]) -> str:
    """A BUILD.yaml with the image and the lock of its images. `head`: lines at its top."""
    return "".join(_build_file(head, name, texts, layout, sources))


def _build_file(head: Sequence[str], name: str, texts: Mapping[str, str], layout: str, sources: Sequence[str]) -> Iterator[str]:
    yield from (f"{line}\n" for line in head)
    yield f"targets:\n  {name}:\n    rule: linuxkit_image\n    lock: :{name}-images\n"
    if sources:
        yield rewritten("data", list(sources))
    yield from (texts[section] for section in texts)
    yield f"\n  {name}-images:\n    rule: oci_lock\n{rewritten('layout', layout)}    lock: oci.lock\n"
