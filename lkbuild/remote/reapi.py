"""A client of the Remote Execution API's cache: capabilities, content-addressed storage, byte streams, action results.

Knows one server and its names. Verifies nothing but what the protocol says: `lkbuild.remote.peer` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from lkbuild.remote import compression, messages
from lkbuild.remote.channel import Channel
from lkbuild.remote.faults import Fault, NotThere, Unavailable
from lkbuild.remote.messages import IDENTITY, NOT_FOUND, OK, ZSTD, BlobAnswer
from lkbuild.remote.names import FUNCTIONS, SHA256, DigestFunction, Name

_CONNECT_S: Final = 5.0
#: How long a question may take to be answered, other than one for bytes: a cache that is slower is no gain.
_ANSWER_S: Final = 10.0
_CHUNK: Final = 1 << 20
#: gRPC's own limit of a message is 4 MiB: what is left is for digests and framing.
_BATCH_LIMIT: Final = (4 << 20) - (256 << 10)
#: What a digest and its tags take of a message, at most.
_PER_BLOB: Final = 128
_PER_QUESTION: Final = 5000
#: The version of the API in which a command names what it makes without saying whether that is a file or a directory.
_OUTPUT_PATHS: Final = (2, 1)


class ReapiClient:
    """See lkbuild.remote.client.Client."""

    keeps_directories = True  # buildbox-casd, for one; a remote worker needs them in any case

    def __init__(self, channel: Channel, instance: str, *, connect_s: float = _CONNECT_S, executes: bool = False) -> None:
        """`connect_s`: how long the first answer may take. `executes`: it is of no use unless it runs actions."""
        self._executes = executes
        self._channel, self._instance, self._connect_s = channel, instance, connect_s
        self._zstd = self._zstd_batches = False
        self.function: DigestFunction = SHA256
        self.batch_bytes = _BATCH_LIMIT
        self.may_update = False

    def connect(self) -> None:
        """Ask for the server's capabilities, and choose what both know. Raises Fault."""
        request = messages.capabilities_request(self._instance)
        told = messages.parse_capabilities(self._channel.unary(messages.GET_CAPABILITIES, request, timeout_s=self._connect_s))
        known = told.functions
        if self._executes:
            if not told.may_execute:
                raise Fault("it runs no actions: its capabilities say so")
            if told.version is not None and told.version < _OUTPUT_PATHS:
                major, minor = told.version
                raise Fault(f"it speaks version {major}.{minor} of the API; commands need 2.1")
            known = known & told.run_functions or known
        function = next((function for function in FUNCTIONS if function.number in known), None)
        if function is None:
            raise Fault("it knows neither BLAKE3 nor SHA-256")
        self.function = function
        self.may_update = told.may_update
        self.batch_bytes = min(told.batch_bytes or _BATCH_LIMIT, _BATCH_LIMIT)
        self._zstd = ZSTD in told.compressors
        self._zstd_batches = ZSTD in told.batch_compressors

    def close(self) -> None:
        """See Client."""
        self._channel.close()

    # --- blobs ------------------------------------------------------------------------------------------------------------

    def missing(self, names: Sequence[Name]) -> set[Name]:
        """See Client."""
        parts = [names[start : start + _PER_QUESTION] for start in range(0, len(names), _PER_QUESTION)]
        requests = [messages.missing_request(self._instance, part, self.function.number) for part in parts]
        found: set[Name] = set()
        for answer in self._many(messages.FIND_MISSING, requests, _ANSWER_S):
            found |= messages.parse_missing(answer)
        return found

    def read_batch(self, names: Sequence[Name]) -> dict[Name, bytes]:
        """See Client."""
        requests = [
            messages.read_batch_request(self._instance, part, self.function.number, zstd=self._zstd) for part in self._batches(names)
        ]
        found: dict[Name, bytes] = {}
        for message in self._many(messages.BATCH_READ, requests):
            for answer in messages.parse_reads(message):
                if answer.code == OK:
                    packed = answer.compressor == ZSTD
                    found[answer.name] = compression.restore(answer.data, answer.name.size) if packed else answer.data
                elif answer.code != NOT_FOUND:
                    raise _of_blob(answer)
        return found

    def read(self, name: Name, offset: int) -> Iterator[bytes]:
        """See Client."""
        zstd = self._zstd and name.size >= compression.SMALLEST
        resource = messages.read_resource(self._instance, name, self.function.segment, zstd=zstd)
        stream = self._channel.download(messages.READ, messages.read_request(resource, offset))
        chunks = (messages.parse_read(message) for message in stream)
        try:
            yield from compression.restored(chunks, name.size - offset) if zstd else chunks
        finally:
            stream.close()  # type: ignore[attr-defined]  # a generator: ends the call where the reader has had enough

    def write_batch(self, blobs: Mapping[Name, bytes]) -> None:
        """See Client."""
        requests = []
        for part in self._batches(tuple(blobs)):
            packed = [(name, compression.shrink(blobs[name]) if self._zstd_batches else None) for name in part]
            triples = [(name, blobs[name], IDENTITY) if data is None else (name, data, ZSTD) for name, data in packed]
            requests.append(messages.update_request(self._instance, triples, self.function.number))
        for message in self._many(messages.BATCH_UPDATE, requests):
            for answer in messages.parse_updates(message):
                if answer.code != OK:
                    raise _of_blob(answer)

    def write(self, name: Name, source: Callable[[], BinaryIO], *, upload: str, again: bool) -> None:
        """See Client."""
        with source() as stream:
            head = stream.read(compression.PROBE)
        zstd = self._zstd and compression.shrink(head) is not None
        resource = messages.write_resource(self._instance, upload, name, self.function.segment, zstd=zstd)
        start = self._committed(resource, name) if again and not zstd else 0
        if start == name.size:
            return
        with source() as plain:
            _skip(plain, start)
            sent = _Sent(start)
            stream = compression.compressed(plain) if zstd else plain
            committed = messages.parse_committed(self._channel.upload(messages.WRITE, _requests(resource, stream, sent)))
        if committed not in (-1, name.size, sent.offset):
            raise Unavailable(f"it took {committed} of {name.size} bytes")

    def _committed(self, resource: str, name: Name) -> int:
        try:
            answer = self._channel.unary(messages.QUERY_WRITE, messages.query_request(resource))
        except Fault:
            return 0  # many servers do not remember: from the beginning, then
        committed = messages.parse_committed(answer)
        return committed if 0 <= committed <= name.size else 0

    def _batches(self, names: Sequence[Name]) -> Iterator[list[Name]]:
        """Groups of blobs, each of which a message holds."""
        part: list[Name] = []
        size = 0
        for name in names:
            if part and size + name.size + _PER_BLOB > self.batch_bytes:
                yield part
                part, size = [], 0
            part.append(name)
            size += name.size + _PER_BLOB
        if part:
            yield part

    # --- results ----------------------------------------------------------------------------------------------------------

    def results(self, actions: Sequence[Name]) -> dict[Name, bytes]:
        """See Client."""
        requests = [messages.result_request(self._instance, action, self.function.number) for action in actions]
        found: dict[Name, bytes] = {}
        for action, answer in zip(actions, self._channel.many(messages.GET_RESULT, requests, timeout_s=_ANSWER_S), strict=True):
            if isinstance(answer, bytes):
                found[action] = answer
            elif not isinstance(answer, NotThere):
                raise answer
        return found

    def put_results(self, results: Mapping[Name, bytes]) -> None:
        """See Client."""
        number = self.function.number
        requests = [messages.update_result_request(self._instance, action, result, number) for action, result in results.items()]
        for _answer in self._many(messages.UPDATE_RESULT, requests):
            pass

    def _many(self, method: str, requests: Sequence[bytes], timeout_s: float | None = None) -> Iterator[bytes]:
        for answer in self._channel.many(method, requests, timeout_s=timeout_s):
            if isinstance(answer, Fault):
                raise answer
            yield answer


class _Sent:
    """How far an upload got, in bytes as they are sent."""

    def __init__(self, offset: int) -> None:
        self.offset = offset


def _requests(resource: str, stream: BinaryIO, sent: _Sent) -> Iterator[bytes]:
    """The messages of one upload: the last one says that it is the last."""
    chunk = stream.read(_CHUNK)
    while True:
        following = stream.read(_CHUNK) if chunk else b""
        offset, sent.offset = sent.offset, sent.offset + len(chunk)
        yield messages.write_request(resource, offset, chunk, finish=not following)
        if not following:
            return
        chunk = following


def _skip(stream: BinaryIO, size: int) -> None:
    while size:
        size -= len(stream.read(min(size, _CHUNK))) or size


def _of_blob(answer: BlobAnswer) -> Fault:
    kinds = {4: Unavailable, 8: Unavailable, 10: Unavailable, 13: Unavailable, 14: Unavailable}
    return kinds.get(answer.code, Fault)(f"{answer.name.short}: status {answer.code}: {answer.message}")
