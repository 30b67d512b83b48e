"""Messages of the Remote Execution API's services, to bytes and back; one function each. Pure.

Written by hand over `lkbuild.base.wire`, as keys, trees and results are: gRPC for Python takes bytes as they are, and a protobuf runtime
would be one more thing to import and to keep in step with generated code. tests/unit/remote compares every one with generated messages.
Source: build.bazel.remote.execution.v2, google.bytestream (reference/reapi.md 2.1 and 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lkbuild.base import wire
from lkbuild.base.values import dataclass
from lkbuild.model.tree import decode_digest, encode_digest
from lkbuild.remote.faults import Misbehaved
from lkbuild.remote.names import Name

_V2: Final = "/build.bazel.remote.execution.v2."
GET_CAPABILITIES: Final = f"{_V2}Capabilities/GetCapabilities"
GET_RESULT: Final = f"{_V2}ActionCache/GetActionResult"
UPDATE_RESULT: Final = f"{_V2}ActionCache/UpdateActionResult"
FIND_MISSING: Final = f"{_V2}ContentAddressableStorage/FindMissingBlobs"
BATCH_UPDATE: Final = f"{_V2}ContentAddressableStorage/BatchUpdateBlobs"
BATCH_READ: Final = f"{_V2}ContentAddressableStorage/BatchReadBlobs"
READ: Final = "/google.bytestream.ByteStream/Read"
WRITE: Final = "/google.bytestream.ByteStream/Write"
QUERY_WRITE: Final = "/google.bytestream.ByteStream/QueryWriteStatus"
METADATA_HEADER: Final = "build.bazel.remote.execution.v2.requestmetadata-bin"

IDENTITY: Final = 0
ZSTD: Final = 1
#: google.rpc.Code.
OK: Final = 0
NOT_FOUND: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCapabilities:
    """What we want to know of a server.

    Attributes:
        functions: numbers of the digest functions of its cache.
        may_update: whether it takes action results at all.
        batch_bytes: limit of a batch; 0: only that of the protocol.
        compressors: for streams and for reading batches.
        batch_compressors: for writing batches.
        may_execute: whether it runs actions.
        run_functions: numbers of the digest functions that it runs actions of; empty: it does not say.
        version: the newest of the API that it speaks, major and minor; None: it does not say.
    """

    functions: frozenset[int] = frozenset()
    may_update: bool = False
    batch_bytes: int = 0
    compressors: frozenset[int] = frozenset()
    batch_compressors: frozenset[int] = frozenset()
    may_execute: bool = False
    run_functions: frozenset[int] = frozenset()
    version: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class BlobAnswer:
    """One blob's part of a batch: its status (google.rpc.Code), and its bytes where they were asked for."""

    name: Name
    code: int
    message: str = ""
    data: bytes = b""
    compressor: int = IDENTITY


def capabilities_request(instance: str) -> bytes:
    """GetCapabilitiesRequest."""
    return wire.text(1, instance)


def parse_capabilities(data: bytes) -> ServerCapabilities:
    """Of a ServerCapabilities message, its cache_capabilities (1), execution_capabilities (2) and high_api_version (5)."""
    told = _fields(data)
    cache, execution, version = (b"".join(_bytes(value) for number, value in told if number == field) for field in (1, 2, 5))  # merged
    functions: set[int] = set()
    compressors: set[int] = set()
    batch_compressors: set[int] = set()
    may_update, batch_bytes = False, 0
    for number, value in _fields(cache):
        if number == 1:
            functions |= _enums(value)
        elif number == 2:
            may_update = any(inner == 1 and bool(flag) for inner, flag in _fields(_bytes(value)))
        elif number == 4 and isinstance(value, int):
            batch_bytes = value
        elif number == 6:
            compressors |= _enums(value)
        elif number == 7:
            batch_compressors |= _enums(value)
    runs = _fields(execution)
    return ServerCapabilities(
        functions=frozenset(functions),
        may_update=may_update,
        batch_bytes=batch_bytes,
        compressors=frozenset(compressors),
        batch_compressors=frozenset(batch_compressors),
        may_execute=any(number == 2 and bool(value) for number, value in runs),
        run_functions=frozenset().union(*(_enums(value) for number, value in runs if number in (1, 5))),
        version=_version(version) if version else None,
    )


def missing_request(instance: str, names: Iterable[Name], function: int) -> bytes:
    """FindMissingBlobsRequest."""
    return wire.text(1, instance) + b"".join(wire.message(2, encode_digest(name)) for name in names) + wire.integer(3, function)


def parse_missing(data: bytes) -> set[Name]:
    """FindMissingBlobsResponse."""
    return {_name(value) for number, value in _fields(data) if number == 2}


def update_request(instance: str, blobs: Iterable[tuple[Name, bytes, int]], function: int) -> bytes:
    """BatchUpdateBlobsRequest of (name, bytes as they are sent, compressor)."""
    parts = [
        wire.message(2, wire.message(1, encode_digest(name)) + (wire.message(2, data) if data else b"") + wire.integer(3, compressor))
        for name, data, compressor in blobs
    ]
    return wire.text(1, instance) + b"".join(parts) + wire.integer(5, function)


def parse_updates(data: bytes) -> Iterator[BlobAnswer]:
    """BatchUpdateBlobsResponse."""
    for number, value in _fields(data):
        if number == 1:
            inner = dict(_fields(_bytes(value)))
            code, message = _status(inner.get(2, b""))
            yield BlobAnswer(_name(inner.get(1, b"")), code, message)


def read_batch_request(instance: str, names: Iterable[Name], function: int, *, zstd: bool) -> bytes:
    """BatchReadBlobsRequest."""
    digests = b"".join(wire.message(2, encode_digest(name)) for name in names)
    return wire.text(1, instance) + digests + (wire.message(3, wire.varint(ZSTD)) if zstd else b"") + wire.integer(4, function)


def parse_reads(data: bytes) -> Iterator[BlobAnswer]:
    """BatchReadBlobsResponse."""
    for number, value in _fields(data):
        if number == 1:
            inner = dict(_fields(_bytes(value)))
            code, message = _status(inner.get(3, b""))
            yield BlobAnswer(_name(inner.get(1, b"")), code, message, _bytes(inner.get(2, b"")), _number(inner.get(4, 0)))


def result_request(instance: str, action: Name, function: int) -> bytes:
    """GetActionResultRequest."""
    return wire.text(1, instance) + wire.message(2, encode_digest(action)) + wire.integer(6, function)


def update_result_request(instance: str, action: Name, result: bytes, function: int) -> bytes:
    """UpdateActionResultRequest."""
    return wire.text(1, instance) + wire.message(2, encode_digest(action)) + wire.message(3, result) + wire.integer(5, function)


def read_request(resource: str, offset: int) -> bytes:
    """ByteStream's ReadRequest."""
    return wire.text(1, resource) + wire.integer(2, offset)


def parse_read(data: bytes) -> bytes:
    """ByteStream's ReadResponse."""
    return b"".join(_bytes(value) for number, value in _fields(data) if number == 10)


def write_request(resource: str, offset: int, data: bytes, *, finish: bool) -> bytes:
    """ByteStream's WriteRequest."""
    body = wire.message(10, data) if data else b""
    return wire.text(1, resource) + wire.integer(2, offset) + wire.boolean(3, value=finish) + body


def query_request(resource: str) -> bytes:
    """ByteStream's QueryWriteStatusRequest."""
    return wire.text(1, resource)


def parse_committed(data: bytes) -> int:
    """The committed size of a WriteResponse or QueryWriteStatusResponse; -1 where somebody else has uploaded the blob."""
    size = next((_number(value) for number, value in _fields(data) if number == 1), 0)
    return size - (1 << 64) if size >= 1 << 63 else size


def request_metadata(tool: str, version: str, invocation: str) -> bytes:
    """RequestMetadata: what ties a server's log to a build."""
    return wire.message(1, wire.text(1, tool) + wire.text(2, version)) + wire.text(3, invocation)


def read_resource(instance: str, name: Name, segment: str, *, zstd: bool) -> str:
    """The resource name of a blob to be read. `segment`: of its digest function."""
    return _prefix(instance) + f"{'compressed-blobs/zstd' if zstd else 'blobs'}/{segment}{name}"


def write_resource(instance: str, upload: str, name: Name, segment: str, *, zstd: bool) -> str:
    """The resource name of a blob to be written; `upload` is a UUID that no other upload has."""
    return _prefix(instance) + f"uploads/{upload}/{'compressed-blobs/zstd' if zstd else 'blobs'}/{segment}{name}"


def retry_delay(status: bytes) -> float:
    """The seconds of google.rpc.RetryInfo among a google.rpc.Status's details; 0 where there is none, or no sense in it."""
    try:
        for number, value in wire.fields(status):
            if number == 3 and isinstance(value, bytes):
                detail = dict(wire.fields(value))
                if detail.get(1) == b"type.googleapis.com/google.rpc.RetryInfo":
                    delay = dict(wire.fields(_bytes(dict(wire.fields(_bytes(detail.get(2, b"")))).get(1, b""))))
                    return _number(delay.get(1, 0)) + _number(delay.get(2, 0)) / 1e9
    except (wire.WireError, Misbehaved):
        pass
    return 0.0


def _prefix(instance: str) -> str:
    return f"{instance}/" if instance else ""


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    try:
        return list(wire.fields(data))
    except wire.WireError as error:
        raise Misbehaved(f"no message: {error}") from error


def _status(value: int | bytes) -> tuple[int, str]:
    if value == b"":
        return OK, ""  # hot: what is said of nearly every blob
    inner = dict(_fields(_bytes(value)))
    return _number(inner.get(1, OK)), _bytes(inner.get(2, b"")).decode("utf-8", "replace")


def _name(value: int | bytes) -> Name:
    try:
        return Name(decode_digest(_bytes(value)))
    except ValueError as error:
        raise Misbehaved(f"no digest: {error}") from error


def _version(data: bytes) -> tuple[int, int]:
    """SemVer's major (1) and minor (2)."""
    fields = dict(_fields(data))
    return _number(fields.get(1, 0)), _number(fields.get(2, 0))


def _enums(value: int | bytes) -> set[int]:
    """A repeated enum, packed or not."""
    if isinstance(value, int):
        return {value}
    tagged = b"".join(b"\x08" + part for part in _varints(value))
    return {_number(item) for _, item in _fields(tagged)}


def _varints(data: bytes) -> Iterator[bytes]:
    start = 0
    for position, byte in enumerate(data):
        if byte < 0x80:
            yield data[start : position + 1]
            start = position + 1


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise Misbehaved("a number where a message was due")
    return value


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise Misbehaved("a message where a number was due")
    return value
