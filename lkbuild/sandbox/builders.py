"""What `docker buildx inspect` says of a builder: its nodes, and whose programs each of them runs. Pure: text in, values out.

A node names its own platform first, and then those that its kernel emulates (binfmt_misc). Where somebody has said what it is for, those
platforms come first and have a star, and whether the others are its own can't be told. Does not start anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from lkbuild.base.values import dataclass

#: `native`: a node of this architecture; `emulated`: one of another runs its programs, slowly; None: nobody does.
How = Literal["native", "emulated"] | None


@dataclass(frozen=True, slots=True)
class Node:
    """Architectures whose programs a node runs by itself, the first its own, and those that it emulates."""

    native: tuple[str, ...]
    emulated: frozenset[str]


def nodes_of(text: str) -> tuple[Node, ...]:
    """The nodes that answered."""
    lines = (line.partition(":")[2] for line in text.splitlines() if line.startswith("Platforms:"))
    return tuple(_node(words) for line in lines if (words := [word.strip() for word in line.split(",") if word.strip()]))


def how(nodes: Iterable[Node], arch: str) -> How:
    """How a builder runs programs of an architecture."""
    known = tuple(nodes)
    if any(arch in node.native for node in known):
        return "native"
    return "emulated" if any(arch in node.emulated for node in known) else None


def _node(words: list[str]) -> Node:
    """Of `linux/arm64*, linux/amd64, linux/386`, or in newer words `linux/arm64*, linux/amd64 (+2)`."""
    starred = [_arch(word) for word in words if word.split()[0].endswith("*")]
    plain = [_arch(word) for word in words if not word.split()[0].endswith("*")]
    native = tuple(dict.fromkeys(starred or plain[:1]))
    return Node(native, frozenset(plain) - {*native})


def _arch(word: str) -> str:
    """`amd64` of `linux/amd64/v2`; of another system than Linux, what no architecture is called."""
    system, _, rest = word.split(maxsplit=1)[0].rstrip("*").partition("/")
    return rest.partition("/")[0] if system == "linux" else f"{system}/{rest}"
