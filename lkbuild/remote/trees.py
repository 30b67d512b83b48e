"""Directories as one blob: REAPI's Tree message, so that 20,000 files cost one request to know. Pure.

Parents stand before their children, each directory once. The same tree in another digest function has the same shape, in the same order:
that is how the names of its files are found. Nothing of a Tree is believed that its root's digest does not say.
Source: Tree{root=1, children=2} (reference/reapi.md 2.4, 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.tree import Directory, SymlinkNode
from lkbuild.remote.faults import Misbehaved


def ordered(root: Digest, directory: Callable[[Digest], Directory]) -> list[tuple[Digest, Directory]]:
    """The directories of a tree, each once, parents before children. `directory` reads one."""
    known: dict[Digest, Directory] = {}
    finished: dict[Digest, None] = {}
    stack = [(root, False)]
    while stack:
        digest, left = stack.pop()
        if left:
            finished[digest] = None
        elif digest not in known:
            known[digest] = directory(digest)
            stack.append((digest, True))
            stack.extend((node.digest, False) for node in known[digest].directories)
    return [(digest, known[digest]) for digest in reversed(finished)]


def encode_tree(directories: Sequence[bytes]) -> bytes:
    """The Tree message of encoded directories, the root first."""
    return wire.message(1, directories[0]) + b"".join(wire.message(2, item) for item in directories[1:])


def decode_tree(data: bytes) -> list[bytes]:
    """The encoded directories, the root first. Raises Misbehaved."""
    roots: list[bytes] = []
    children: list[bytes] = []
    try:
        for number, value in wire.fields(data):
            if isinstance(value, bytes) and number in (1, 2):
                (roots if number == 1 else children).append(value)
    except wire.WireError as error:
        raise Misbehaved(f"no tree: {error}") from error
    if len(roots) != 1:
        raise Misbehaved("a tree with no root, or with several")
    return roots + children


def verified(root: Digest, directories: Sequence[bytes]) -> dict[Digest, Directory]:
    """The directories below a root by their digest, all that it needs and nothing else. Raises Misbehaved for what is no such tree."""
    given = {Digest.of(data): data for data in directories}
    found: dict[Digest, Directory] = {}
    todo = [(root, 0)]
    while todo:
        digest, depth = todo.pop()
        data = given.get(digest)
        if data is None:
            raise Misbehaved("a tree without a directory that it names, or with another in its place")
        directory = found.get(digest) or _decode(data)
        for link in directory.symlinks:
            checked_link(link, depth)
        if digest not in found:
            found[digest] = directory
            todo.extend((node.digest, depth + 1) for node in directory.directories)
    return found


def _decode(data: bytes) -> Directory:
    """A directory that is exactly what its bytes say: names are single segments, each once, all of it in canonical order."""
    try:
        directory = Directory.decode(data)
        if directory.encode() == data:
            return directory
    except (ValueError, KeyError, TypeError) as error:
        raise Misbehaved(f"no directory: {error}") from error
    raise Misbehaved("a directory that is not in canonical form")


def checked_link(link: SymlinkNode, depth: int) -> None:
    """Raise Misbehaved for a link, so deep in its tree, that leads out of it.

    The store holds no such link; how links resolve through each other only a kernel tells.
    """
    if link.target.startswith("/"):
        raise Misbehaved("a tree with an absolute symbolic link")
    for part in link.target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            raise Misbehaved("a tree with a symbolic link that leads out of it")
