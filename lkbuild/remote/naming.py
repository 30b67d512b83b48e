"""Finds out what a server calls what we know: blobs, trees, actions, recipes, closures.

A server that speaks BLAKE3 calls everything as we do. One that speaks SHA-256 calls the same bytes by another hash, and what holds digests
(a Directory, a Command with its root, an Action) becomes another message. Reads the local store; asks no server.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.action import EncodedAction
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, decode_digest, encode_digest
from lkbuild.remote.names import BLAKE3, DigestFunction, Name
from lkbuild.remote.results import RemoteResult, TreeNames

_CHUNK: Final = 1 << 20
#: The platform property whose value is a digest (lkbuild.keys.manifest.CHROOT_PROPERTY).
_ROOT: Final = b"chrootRootDirectory"
_RECIPE: Final = "lkbuild:recipe"
_CLOSURE: Final = "lkbuild:closure"
_VERSION: Final = "1"


class Naming:
    """What one server calls things. Safe to use from many threads."""

    def __init__(self, function: DigestFunction, local: BlobStore) -> None:
        """Nothing is known yet but what the store knows."""
        self.function, self._local = function, local
        self.native = function is BLAKE3
        self._names: dict[Digest, Name] = {}
        # Apart from those of blobs: a directory's message is another one there, the same bytes as a file are not.
        self._directories: dict[Digest, Name] = {}
        self._trees: dict[Digest, TreeNames] = {}
        self._lock = threading.Lock()

    def learn(self, found: RemoteResult) -> None:
        """Take in what a result of this server calls its outputs."""
        with self._lock:
            self._names.update(found.names)
            self._trees.update(found.trees)
            self._directories.update({root: tree.root for root, tree in found.trees.items()})

    def learn_name(self, digest: Digest, name: Name) -> None:
        """Take in one pair."""
        with self._lock:
            self._names[digest] = name

    def tree(self, root: Digest) -> TreeNames | None:
        """What the server calls a tree, where one of its results named it."""
        return self._trees.get(root)

    def known(self, digest: Digest) -> Name | None:
        """What the server calls a blob, if that can be told without reading it."""
        if self.native:
            return Name(digest)
        found = self._names.get(digest)
        if found is None and (sha256 := self._local.sha256_of(digest)) is not None:
            found = Name(Digest(sha256, digest.size))
            self.learn_name(digest, found)
        return found

    def blob(self, digest: Digest) -> Name:
        """What the server calls a blob. Raises BlobMissing where only its bytes could tell, and we do not have them."""
        return self.known(digest) or self._hashed(digest)

    def _hashed(self, digest: Digest) -> Name:
        hasher = self.function.new()
        if digest.size <= _CHUNK:
            hasher.update(self._local.get_bytes(digest))  # one look at the store, where a stream takes two
        else:
            with self._local.open(digest) as stream:
                while chunk := stream.read(_CHUNK):
                    hasher.update(chunk)
        name = Name(Digest(hasher.hexdigest(), digest.size))
        self.record(digest, name)
        return name

    def record(self, digest: Digest, name: Name) -> None:
        """Remember a pair that was computed from the bytes, in the store as well."""
        self.learn_name(digest, name)
        if not self.native:
            self._local.record_sha256(name.hash, digest)

    def translated(self, directory: Directory, messages: Mapping[Digest, bytes]) -> bytes:
        """A directory's message in the server's names. Raises BlobMissing."""
        files = tuple(FileNode(node.name, self.blob(node.digest), node.executable) for node in directory.files)
        folders = tuple(DirectoryNode(node.name, self.directory(node.digest, messages)) for node in directory.directories)
        return Directory(files, folders, directory.symlinks).encode()

    def directory(self, digest: Digest, messages: Mapping[Digest, bytes]) -> Name:
        """What the server calls a directory, whose message is among `messages` or in the store. Raises BlobMissing."""
        if self.native:
            return Name(digest)
        found = self._directories.get(digest)
        if found is None:
            data = messages.get(digest)
            if data is None:  # an empty directory's message is empty
                data = self._local.get_bytes(digest)
            found = self.function.of(self.translated(Directory.decode(data), messages))
            with self._lock:
                self._directories[digest] = found
        return found

    def action(self, action: EncodedAction) -> tuple[Name, dict[Name, bytes]]:
        """What the server calls an action, with the messages that it is made of. Raises BlobMissing."""
        data = action.messages[action.key]
        command_digest = decode_digest(next(value for number, value in wire.fields(data) if number == 1 and isinstance(value, bytes)))
        command = action.messages[command_digest]
        if self.native:
            return Name(action.key), {Name(action.key): data, Name(command_digest): command}
        command = self._message(command, action.messages)
        name = self.function.of(command)
        data = self._message(data, action.messages, command=name)
        key = self.function.of(data)
        return key, {key: data, name: command}

    def recipe(self, recipe: Digest) -> tuple[Name, dict[Name, bytes]]:
        """What the server calls a recipe: an Action that nobody runs, whose result is that of the recipe."""
        return self._made_up(_RECIPE, recipe)

    def closure(self, key: Digest) -> tuple[Name, dict[Name, bytes]]:
        """What the server calls a target's closure: likewise an Action that nobody runs."""
        return self._made_up(_CLOSURE, key)

    def _made_up(self, what: str, key: Digest) -> tuple[Name, dict[Name, bytes]]:
        words = (what, _VERSION, str(key))
        command = b"".join(wire.message(1, word.encode()) for word in words)
        empty = self.function.of(b"")
        action = wire.message(1, encode_digest(self.function.of(command))) + wire.message(2, encode_digest(empty))
        name = self.function.of(action)
        return name, {name: action, self.function.of(command): command}

    def _message(self, data: bytes, directories: Mapping[Digest, bytes], *, command: Name | None = None) -> bytes:
        """A Command, or with `command` (what that is called) an Action, with every digest in it in the server's names."""
        parts = []
        for number, value in wire.fields(data):
            if isinstance(value, int):
                parts.append(wire.integer(number, value))
                continue
            if command is not None and number == 1:
                value = encode_digest(command)  # noqa: PLW2901 - the field's new value
            elif command is not None and number == 2:
                value = encode_digest(self.directory(decode_digest(value), directories))  # noqa: PLW2901 - the same
            elif number == (5 if command is None else 10):
                value = self._platform(value, directories)  # noqa: PLW2901 - the same
            parts.append(wire.message(number, value))
        return b"".join(parts)

    def _platform(self, data: bytes, directories: Mapping[Digest, bytes]) -> bytes:
        parts = []
        for number, value in wire.fields(data):
            inner = dict(wire.fields(value)) if isinstance(value, bytes) else {}
            root = inner.get(2)
            if inner.get(1) == _ROOT and isinstance(root, bytes):
                name = self.directory(Digest.parse(root.decode()), directories)
                value = wire.message(1, _ROOT) + wire.text(2, str(name))  # noqa: PLW2901 - the same
            parts.append(wire.message(number, value) if isinstance(value, bytes) else wire.integer(number, value))
        return b"".join(parts)
