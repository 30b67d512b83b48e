"""Trees: content-addressed directories, as REAPI Directory messages.

A directory is names to files (digest, executable bit), directories (digest of their own message) and symbolic links. It has no
owners, modes, times, device nodes or extended attributes, so a root file system is never a tree but a layer (a tar). Pure: this
module neither reads nor writes a disk.
Source: build.bazel.remote.execution.v2.Directory, fields 1 (files), 2 (directories), 3 (symlinks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass

#: Tag and length of field 1 of a Digest message: 64 hexadecimal digits, always.
_HASH: Final = b"\n\x40"


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file in a directory."""

    name: str
    digest: Digest
    executable: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryNode:
    """A directory in a directory, by the digest of its message."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class SymlinkNode:
    """A symbolic link in a directory; the target is relative."""

    name: str
    target: str


_NO_NAMES: Final = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory. Nodes are kept sorted by name, each name stands once over all three lists."""

    files: tuple[FileNode, ...] = ()
    directories: tuple[DirectoryNode, ...] = ()
    symlinks: tuple[SymlinkNode, ...] = ()

    def encode(self) -> bytes:
        """The canonical message. Raises ValueError for a name that is no single path segment, or stands twice."""
        self._check_names()
        parts = [_file(node) for node in sorted(self.files, key=_name)]
        parts += [wire.message(2, _named(node.name, node.digest)) for node in sorted(self.directories, key=_name)]
        parts += [wire.message(3, wire.text(1, node.name) + wire.text(2, node.target)) for node in sorted(self.symlinks, key=_name)]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Directory:
        """The inverse of `encode`. Raises wire.WireError or ValueError on damage, and for names that `encode` does not take.

        Any blob can be said to be a directory: what makes files by these names depends on their being names.
        """
        files: list[FileNode] = []
        directories: list[DirectoryNode] = []
        symlinks: list[SymlinkNode] = []
        for number, value in wire.fields(data):
            inner = dict(wire.fields(_bytes(value)))
            name = _text(inner.get(1, b""))
            if number == 1:
                executable = bool(inner.get(4, 0))
                files.append(FileNode(name, decode_digest(_bytes(inner[2])), executable))
            elif number == 2:
                directories.append(DirectoryNode(name, decode_digest(_bytes(inner[2]))))
            elif number == 3:
                symlinks.append(SymlinkNode(name, _text(inner.get(2, b""))))
        found = cls(tuple(files), tuple(directories), tuple(symlinks))
        found._check_names()
        return found

    def _check_names(self) -> None:
        names = [node.name for nodes in (self.files, self.directories, self.symlinks) for node in nodes]
        once, text = set(names), "".join(names)
        if "/" in text or "\0" in text or not _NO_NAMES.isdisjoint(once):
            msg = "not a file name in a directory"
            raise ValueError(msg)
        if len(once) != len(names):
            msg = "a name stands twice in one directory"
            raise ValueError(msg)


def encode_digest(digest: Digest) -> bytes:
    """The body of a REAPI Digest message."""
    return _HASH + digest.hash.encode("ascii") + wire.integer(2, digest.size)


def decode_digest(data: bytes) -> Digest:
    """The inverse of `encode_digest`. Raises ValueError on damage."""
    inner = dict(wire.fields(data))
    size = inner.get(2, 0)
    if not isinstance(size, int):
        raise wire.WireError("size is no number")
    return Digest(_text(inner.get(1, b"")), size)


def _name(node: FileNode | DirectoryNode | SymlinkNode) -> bytes:
    return node.name.encode("utf-8", "surrogateescape")


def _named(name: str, digest: Digest) -> bytes:
    return wire.text(1, name) + wire.message(2, encode_digest(digest))


def _file(node: FileNode) -> bytes:
    return wire.message(1, _named(node.name, node.digest) + wire.boolean(4, value=node.executable))


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise wire.WireError("expected a message")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class File:
    """A leaf of a `Layout`: a file's digest and executable bit."""

    digest: Digest
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Subtree:
    """A leaf of a `Layout`: a whole directory by reference, so that mounting 20,000 files costs one node."""

    root: Digest


@dataclass(frozen=True, slots=True)
class Layout:
    """An input root: path to file or subtree. Compose it, then `encode` it to its Merkle tree."""

    entries: Mapping[str, File | Subtree] = field(default_factory=dict)

    def encode(self) -> tuple[Digest, dict[Digest, bytes]]:
        """The digest of the root directory, and the messages of all directories that are not references.

        Raises:
            ValueError: a path is not clean and relative, or lies below a file or a referenced tree.
        """
        messages: dict[Digest, bytes] = {}
        return _encode_level(_nest(self.entries), messages), messages


_Level = dict[str, "File | Subtree | _Level"]


def _nest(entries: Mapping[str, File | Subtree]) -> _Level:
    root: _Level = {}
    for path, leaf in entries.items():
        *parents, name = path.split("/")
        level = root
        for parent in parents:
            below = level.setdefault(parent, {})
            if not isinstance(below, dict):
                msg = f"{path} lies below an input that is no plain directory"
                raise ValueError(msg)  # noqa: TRY004 - it is the value of the path that is wrong
            level = below
        if name in level:
            msg = f"two inputs at {path}"
            raise ValueError(msg)
        level[name] = leaf
    return root


def _encode_level(level: _Level, messages: dict[Digest, bytes]) -> Digest:
    files, directories = [], []
    for name, item in level.items():
        if isinstance(item, File):
            files.append(FileNode(name, item.digest, item.executable))
        elif isinstance(item, Subtree):
            directories.append(DirectoryNode(name, item.root))
        else:
            directories.append(DirectoryNode(name, _encode_level(item, messages)))
    data = Directory(tuple(files), tuple(directories)).encode()
    digest = Digest.of(data)
    messages[digest] = data
    return digest
