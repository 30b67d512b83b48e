"""What `docker buildx inspect` says of a builder: its nodes, and whose programs each of them runs. Pure: text in, values out.

A node names its own platform first, and then those that its kernel emulates (binfmt_misc). Where somebody has said what it is for, those
platforms come first and have a star, and whether the others are its own can't be told. Does not start anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lkbuild.base.values import dataclass

#: `native`: a node of this architecture; `emulated`: one of another runs its programs, slowly; None: nobody does.
How = Literal["native", "emulated"] | None


@dataclass(frozen=True, slots=True)
class Node:
    """Architectures whose programs a node runs by itself, the first its own, and those that it emulates; its name."""

    native: tuple[str, ...]
    emulated: frozenset[str]
    name: str = ""

    def how(self, arch: str) -> How:
        """How it runs programs of an architecture."""
        return "native" if arch in self.native else "emulated" if arch in self.emulated else None


def nodes_of(text: str) -> tuple[Node, ...]:
    """The nodes that answered."""
    nodes, name = [], ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "Name":
            name = value.strip()
        elif key == "Platforms" and (words := [word.strip() for word in value.split(",") if word.strip()]):
            nodes.append(_node(words, name))
    return tuple(nodes)


def node_of(nodes: Sequence[Node], arch: str) -> Node | None:
    """The node that runs programs of an architecture, the first whose own they are; else one that emulates it."""
    return next((node for how in ("native", "emulated") for node in nodes if node.how(arch) == how), None)


def _node(words: list[str], name: str) -> Node:
    """Of `linux/arm64*, linux/amd64, linux/386`, or in newer words `linux/arm64*, linux/amd64 (+2)`."""
    starred = [_arch(word) for word in words if word.split()[0].endswith("*")]
    plain = [_arch(word) for word in words if not word.split()[0].endswith("*")]
    native = tuple(dict.fromkeys(starred or plain[:1]))
    return Node(native, frozenset(plain) - {*native}, name)


def _arch(word: str) -> str:
    """`amd64` of `linux/amd64/v2`; of another system than Linux, what no architecture is called."""
    system, _, rest = word.split(maxsplit=1)[0].rstrip("*").partition("/")
    return rest.partition("/")[0] if system == "linux" else f"{system}/{rest}"
