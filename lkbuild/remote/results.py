"""A result as a remote keeps it: a REAPI ActionResult in the server's names, with ours beside them.

Where the server speaks SHA-256, what it names can't be told in BLAKE3 without the bytes, and a build must know digests without them. So
our own form of the result goes along in `execution_metadata.auxiliary_metadata`, the place that REAPI has for such things; nothing of it is
believed before bytes have proved it. Pure.
Source: ActionResult{output_files=2, output_directories=3, exit_code=4, stdout_digest=6, execution_metadata=9},
OutputDirectory{path=1, tree_digest=3, is_topologically_sorted=4}, ExecutedActionMetadata{worker=1, auxiliary_metadata=11},
google.protobuf.Any{type_url=1, value=2}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult
from lkbuild.model.results import decode_result, encode_result
from lkbuild.model.tree import decode_digest, encode_digest
from lkbuild.remote.faults import Misbehaved
from lkbuild.remote.names import Name

_TYPE_URL: Final = b"type.googleapis.com/lkbuild.v1.Result"
_ENVELOPE_URL: Final = b"type.googleapis.com/io.intoto.Envelope"
_WORKER: Final = "lkbuild"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeNames:
    """What a server calls a directory: the root's message, the Tree message in its names, the Tree message in ours.

    The two Trees have one shape and are one blob where the server speaks BLAKE3.
    """

    root: Name
    tree: Name
    native: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteResult:
    """A result, the action key that it belongs to, what the server calls everything that it names, and the envelope of its signature."""

    key: Digest
    result: ActionResult
    names: Mapping[Digest, Name]
    trees: Mapping[Digest, TreeNames]
    envelope: bytes = b""


def encode_remote(found: RemoteResult) -> bytes:
    """The ActionResult message."""
    result = found.result
    parts = [
        wire.message(2, wire.text(1, item.path) + _digest(2, found.names[item.digest]) + wire.boolean(4, value=item.executable))
        for item in sorted(result.files, key=lambda item: item.path)
    ]
    for item in sorted(result.trees, key=lambda item: item.path):
        tree = found.trees[item.root]
        # Without root_directory_digest: servers take that as a promise that each directory is a blob of its own.
        parts.append(wire.message(3, wire.text(1, item.path) + _digest(3, tree.tree) + wire.boolean(4, value=True)))
    parts.append(wire.integer(4, result.exit_code))
    if result.log is not None:
        parts.append(_digest(6, found.names[result.log]))
    trees = [(tree.root, found.trees[tree.root]) for tree in result.trees]
    pairs = b"".join(wire.message(3, _digest(1, root) + _digest(2, names.root) + _digest(3, names.native)) for root, names in trees)
    ours = _digest(1, found.key) + wire.message(2, encode_result(result)) + pairs
    extra = wire.message(11, wire.message(1, _TYPE_URL) + wire.message(2, ours))
    if found.envelope:
        extra += wire.message(11, wire.message(1, _ENVELOPE_URL) + wire.message(2, found.envelope))
    parts.append(wire.message(9, wire.text(1, _WORKER) + extra))
    return b"".join(parts)


def decode_remote(data: bytes) -> RemoteResult | None:
    """The inverse; None for a result that carries nothing of ours. Raises Misbehaved where it contradicts itself."""
    try:
        return _decode(data)
    except (ValueError, KeyError, TypeError) as error:  # of the wire, of digests, of what was no message
        raise Misbehaved(f"no action result: {error}") from error


def _decode(data: bytes) -> RemoteResult | None:
    files: dict[str, Name] = {}
    directories: dict[str, Name] = {}
    log: Name | None = None
    extras: dict[bytes, bytes] = {}
    for number, value in wire.fields(data):
        if number == 2:
            inner = _message(value)
            files[_text(inner[1])] = _name(inner[2])
        elif number == 3:
            inner = _message(value)
            directories[_text(inner[1])] = _name(inner[3])
        elif number == 6:
            log = _name(value)
        elif number == 9:
            extras = _extras(value)
    ours = extras.get(_TYPE_URL)
    if ours is None:
        return None
    key, result, roots = _native(ours)
    names = {item.digest: _same(item.digest, files[item.path]) for item in result.files}
    if result.log is not None and log is not None:
        names[result.log] = _same(result.log, log)
    trees = {}
    for item in result.trees:
        root, native = roots[item.root]
        trees[item.root] = TreeNames(root=root, tree=directories[item.path], native=native)
    if len(files) != len(result.files) or len(directories) != len(result.trees) or (result.log is None) != (log is None):
        raise Misbehaved("an action result that names one thing and means another")
    return RemoteResult(key=key, result=result, names=names, trees=trees, envelope=extras.get(_ENVELOPE_URL, b""))


def _same(digest: Digest, name: Name) -> Name:
    if digest.size != name.size:
        raise Misbehaved("an action result whose sizes differ")
    return name


def _extras(metadata: int | bytes) -> dict[bytes, bytes]:
    """The auxiliary metadata by their types."""
    found = (_message(value) for number, value in wire.fields(_bytes(metadata)) if number == 11)
    return {_bytes(extra[1]): _bytes(extra.get(2, b"")) for extra in found if 1 in extra}


def _native(data: bytes) -> tuple[Digest, ActionResult, dict[Digest, tuple[Name, Name]]]:
    key: Digest | None = None
    result: ActionResult | None = None
    roots: dict[Digest, tuple[Name, Name]] = {}
    for number, value in wire.fields(data):
        if number == 1:
            key = decode_digest(_bytes(value))
        elif number == 2:
            result = decode_result(_bytes(value))
        elif number == 3:
            pair = _message(value)
            roots[decode_digest(_bytes(pair[1]))] = _name(pair[2]), _name(pair[3])
    if key is None or result is None:
        raise Misbehaved("an action result without key or result")
    return key, result, roots


def _digest(number: int, digest: Digest) -> bytes:
    return wire.message(number, encode_digest(digest))


def _message(value: int | bytes) -> dict[int, int | bytes]:
    return dict(wire.fields(_bytes(value)))


def _name(value: int | bytes) -> Name:
    return Name(decode_digest(_bytes(value)))


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "surrogateescape")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise Misbehaved("a number where a message was due")
    return value
