"""A client of the Remote Execution API's cache: capabilities, content-addressed storage, byte streams, action results.

Knows one server and its names. Verifies nothing but what the protocol says: `lkbuild.remote.peer` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from lkbuild.remote import compression, messages
from lkbuild.remote.channel import HEAVY_WINDOW, WINDOW, Channel
from lkbuild.remote.faults import Fault, NotThere, Unavailable
from lkbuild.remote.messages import IDENTITY, NOT_FOUND, OK, ZSTD, BlobAnswer
from lkbuild.remote.names import FUNCTIONS, SHA256, DigestFunction, Name

#: How long a question may take to be answered, other than one for bytes: a cache that is slower is no gain.
ANSWER_S: Final = 10.0
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

    def __init__(self, channel: Channel, instance: str, *, answer_s: float = ANSWER_S, executes: bool = False) -> None:
        """`answer_s`: how long an answer may take, the first one half of it. `executes`: it is of no use unless it runs actions."""
        self._executes = executes
        self._channel, self._instance, self._answer_s = channel, instance, answer_s
        self._zstd = self._zstd_batches = False
        self.function: DigestFunction = SHA256
        self.batch_bytes = _BATCH_LIMIT
        self.may_update = False

    def connect(self) -> None:
        """Ask for the server's capabilities, and choose what both know. Raises Fault."""
        request = messages.capabilities_request(self._instance)
        told = messages.parse_capabilities(self._channel.unary(messages.GET_CAPABILITIES, request, timeout_s=self._answer_s / 2))
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
        for answer in self._many(messages.FIND_MISSING, requests, self._answer_s):
            found |= messages.parse_missing(answer)
        return found

    def read_batch(self, names: Sequence[Name]) -> Iterator[tuple[Name, bytes]]:
        """See Client."""
        requests = (
            messages.read_batch_request(self._instance, part, self.function.number, zstd=self._zstd) for part in self._batches(names)
        )
        asked = frozenset(names)
        for message in self._many(messages.BATCH_READ, requests, window=HEAVY_WINDOW):
            for answer in messages.parse_reads(message):
                if answer.name not in asked:
                    continue  # whatever it is, it is not unpacked
                if answer.code == OK:
                    packed = answer.compressor == ZSTD
                    yield answer.name, compression.restore(answer.data, answer.name.size) if packed else answer.data
                elif answer.code != NOT_FOUND:
                    raise _of_blob(answer)

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

    def write_batch(self, names: Sequence[Name], read: Callable[[Name], bytes | None]) -> Iterator[Name]:
        """See Client."""
        requests = (
            messages.update_request(self._instance, [self._packed(name, data) for name, data in blobs], self.function.number)
            for part in self._batches(names)
            if (blobs := [(name, data) for name in part if (data := read(name)) is not None])
        )
        for message in self._many(messages.BATCH_UPDATE, requests, window=HEAVY_WINDOW):
            for answer in messages.parse_updates(message):
                if answer.code != OK:
                    raise _of_blob(answer)
                yield answer.name

    def _packed(self, name: Name, data: bytes) -> tuple[Name, bytes, int]:
        """A blob as it goes into a batch."""
        frame = compression.shrink(data) if self._zstd_batches else None
        return (name, data, IDENTITY) if frame is None else (name, frame, ZSTD)

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
        for action, answer in zip(actions, self._channel.many(messages.GET_RESULT, requests, timeout_s=self._answer_s), strict=True):
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

    def _many(self, method: str, requests: Iterable[bytes], timeout_s: float | None = None, window: int = WINDOW) -> Iterator[bytes]:
        for answer in self._channel.many(method, requests, timeout_s=timeout_s, window=window):
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
