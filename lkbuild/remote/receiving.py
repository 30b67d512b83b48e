"""Takes what a worker made into the store: bytes by the server's names, known by ours afterwards.

Every byte is checked against the name that it came under; our digest of it is computed here. Does not know what ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.model.ports import BlobStore
from lkbuild.model.tree import Directory, DirectoryNode, FileNode
from lkbuild.remote.connection import Connection
from lkbuild.remote.faults import Misbehaved, NotThere
from lkbuild.remote.incoming import Incoming, parts, read_whole
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.trees import checked_link, decode_tree

#: What is asked for before it is stored: memory stays bounded.
_GROUP: Final = 16


class Receiver:
    """Receives from one server. Safe to use from many threads."""

    def __init__(self, connection: Connection) -> None:
        """`connection`: where from, and the store."""
        self._connection = connection
        self._local: BlobStore = connection.local

    def files(self, names: Iterable[Name]) -> dict[Name, Digest]:
        """Have blobs in the store; what each is called here. Raises Fault where one can't be had."""
        naming = self._connection.naming()
        found: dict[Name, Digest] = {}
        wanted: list[Name] = []
        for name in dict.fromkeys(names):
            known = self._known(name, naming)
            if known is None:
                wanted.append(name)
            else:
                found[name] = known
        limit = self._connection.client.batch_bytes
        for part in parts([name for name in wanted if name.size <= limit], _GROUP * limit):
            found.update(self._small(part, naming))
        found.update({name: self._large(name, naming) for name in wanted if name.size > limit})
        return found

    def tree(self, name: Name) -> Digest:
        """Have the directory of a Tree message in the store; its root's digest. Raises Fault, Misbehaved for what no store holds."""
        naming = self._connection.naming()
        data = self._connection.guard.ask(partial(read_whole, self._connection.client, name, naming.function))
        encoded = decode_tree(data)
        directories = {naming.function.of(item): _decoded(item) for item in encoded}
        files = self.files(Name(node.digest) for directory in directories.values() for node in directory.files)
        return self._rebuilt(naming.function.of(encoded[0]), directories, files)

    def log(self, names: Iterable[Name | bytes], limit: int) -> bytes:
        """The bytes of logs, one after the other, cut at a limit. What is gone is left out: it is only read by people."""
        found = bytearray()
        for name in names:
            if len(found) < limit:
                found += name if isinstance(name, bytes) else self._connection.guard.ask(partial(self._log, name, limit))
        return bytes(found[:limit])

    def _log(self, name: Name, limit: int) -> bytes:
        client = self._connection.client
        found = bytearray()
        try:
            small = dict(client.read_batch((name,))).get(name, b"") if name.size <= client.batch_bytes else None
            for chunk in client.read(name, 0) if small is None else (small,):
                found += chunk
                if len(found) >= limit:
                    break
        except NotThere:
            pass
        return bytes(found)

    def _known(self, name: Name, naming: Naming) -> Digest | None:
        if not name.size:
            return self._local.put_bytes(b"")
        if naming.native:
            digest: Digest | None = Digest(name.hash, name.size)
        else:
            digest = self._local.find_sha256(name.hash)
        return digest if digest is not None and digest.size == name.size and self._local.has(digest) else None

    def _small(self, names: list[Name], naming: Naming) -> dict[Name, Digest]:
        client = self._connection.client
        came = self._connection.guard.ask(lambda: dict(client.read_batch(names)))
        found: dict[Name, Digest] = {}
        for name in names:
            data = came.get(name)
            if data is None:
                raise NotThere(f"no {name.short}")
            if naming.function.of(data) != name:
                raise Misbehaved(f"other bytes than those of {name.short}")
            found[name] = self._local.put_bytes(data)
            naming.record(found[name], name)
        return found

    def _large(self, name: Name, naming: Naming) -> Digest:
        incoming = Incoming(self._connection.client, name, naming.function)
        with self._local.put_stream() as writer:  # an error within leaves nothing of it
            self._connection.guard.ask(lambda: incoming.into(writer), advanced=incoming.advanced)
            if incoming.hasher.hexdigest() != name.hash:
                raise Misbehaved(f"other bytes than those of {name.short}")
        naming.record(writer.digest, name)
        return writer.digest

    def _rebuilt(self, root: Name, directories: Mapping[Name, Directory], files: Mapping[Name, Digest]) -> Digest:
        """Store a tree in our names, children first; a directory that is named but not there makes it no tree."""
        made: dict[Name, Digest] = {}
        stack: list[tuple[Name, int, bool]] = [(root, 0, False)]
        while stack:
            name, depth, left = stack.pop()
            directory = directories.get(name)
            if directory is None:
                raise Misbehaved("a tree without a directory that it names")
            for link in directory.symlinks:
                checked_link(link, depth)
            if left:
                made[name] = self._local.put_bytes(_ours(directory, made, files))
            elif name not in made:
                stack.append((name, depth, True))
                stack.extend((Name(node.digest), depth + 1, False) for node in directory.directories)
        return made[root]


def _ours(directory: Directory, made: Mapping[Name, Digest], files: Mapping[Name, Digest]) -> bytes:
    return Directory(
        tuple(FileNode(node.name, files[Name(node.digest)], node.executable) for node in directory.files),
        tuple(DirectoryNode(node.name, made[Name(node.digest)]) for node in directory.directories),
        directory.symlinks,
    ).encode()


def _decoded(data: bytes) -> Directory:
    """A directory, whatever a worker says of it beside; its names are single segments, each once."""
    try:
        directory = Directory.decode(data)
        directory.encode()
    except (ValueError, KeyError, TypeError) as error:
        raise Misbehaved(f"no directory: {error}") from error
    return directory
