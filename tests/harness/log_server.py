"""A server of logs before an engine that has none: it takes what workers write while they write it, lets it be read, and hands on the rest.

BuildGrid names the streams of an action and hands them to its worker, but no release of it serves them, nor does any program of buildbox:
it takes a server at its side, and, as clients read logs where they execute, one address for both. Messages are bytes here, by hand.
Source: remote_logstream.proto (CreateLogStreamRequest{parent=1}, LogStream{name=1, write_resource_name=2}), googleapis' bytestream.proto.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

from lkbuild.base import wire

CREATE = "/build.bazel.remote.logstream.v1.LogStreamService/CreateLogStream"
READ, WRITE, STATUS = (f"/google.bytestream.ByteStream/{method}" for method in ("Read", "Write", "QueryWriteStatus"))


@dataclass
class Log:
    """What was written so far, and whether that is all."""

    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, data: bytes, *, ended: bool) -> None:
        with self.changed:
            self.data += data
            self.ended = self.ended or ended
            self.changed.notify_all()


class LogServer(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Listens at `url`. `behind`: the engine's address, asked for everything that is no log."""

    def __init__(self, url: str, behind: str) -> None:
        self.logs: dict[str, Log] = {}
        self._numbers = itertools.count()
        self._engine = grpc.insecure_channel(behind)
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(64)
        self._server = grpc.server(self._pool, handlers=(self,))
        self._server.add_insecure_port(url)
        self._server.start()

    def stop(self) -> None:
        self._over.set()
        self._server.stop(0).wait()
        self._engine.close()
        self._pool.shutdown(wait=False)

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler:
        method = handler_call_details.method
        own: dict[str, Callable[[bytes, Iterator[bytes], Any], Iterator[bytes]]] = {
            CREATE: self._create,
            READ: self._read,
            WRITE: self._write,
            STATUS: self._status,
        }

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            if method not in own:
                yield from self._pass_on(method, requests, context)
                return
            first = next(requests)
            log = _text(first)
            if method == CREATE or log.partition("/write")[0] in self.logs:
                yield from own[method](first, requests, context)
            else:
                yield from self._pass_on(method, itertools.chain((first,), requests), context)

        return grpc.stream_stream_rpc_method_handler(serve)

    def _pass_on(self, method: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        metadata = tuple((key, value) for key, value in context.invocation_metadata() if key != "user-agent")
        call = self._engine.stream_stream(method)(requests, metadata=metadata)
        context.add_callback(call.cancel)
        try:
            yield from call
        except grpc.RpcError as error:
            context.set_trailing_metadata(error.trailing_metadata() or ())
            context.abort(error.code(), error.details())

    def _create(self, first: bytes, _requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        name = f"{_text(first)}/logstreams/{next(self._numbers)}".lstrip("/")
        self.logs[name] = Log()
        yield wire.text(1, name) + wire.text(2, f"{name}/write")

    def _write(self, first: bytes, requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        log = self.logs[_text(first).removesuffix("/write")]
        for request in itertools.chain((first,), requests):
            fields = dict(wire.fields(request))
            data = fields.get(10, b"")
            assert isinstance(data, bytes)
            assert fields.get(2, 0) == len(log.data), "a log is written from its beginning to its end"
            log.add(data, ended=bool(fields.get(3)))
        yield wire.integer(1, len(log.data))

    def _status(self, first: bytes, _requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        log = self.logs[_text(first).removesuffix("/write")]
        yield wire.integer(1, len(log.data)) + wire.boolean(2, value=log.ended)

    def _read(self, first: bytes, _requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        log = self.logs[_text(first)]
        offset = dict(wire.fields(first)).get(2, 0)
        assert isinstance(offset, int)
        ended = False
        while not ended and context.is_active() and not self._over.is_set():
            with log.changed:
                if len(log.data) == offset and not log.ended:
                    log.changed.wait(0.1)
                data, ended = bytes(log.data[offset:]), log.ended
            if data:
                offset += len(data)
                yield wire.message(10, data)


def _text(message: bytes) -> str:
    """The first field of a message: of all that are read here, a name."""
    value = dict(wire.fields(message)).get(1, b"")
    assert isinstance(value, bytes)
    return value.decode()
