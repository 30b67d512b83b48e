"""An engine in this process: a real gRPC server that follows the Execution service's protocol to the letter, and fails where it is told to.

Its one worker knows one command: the declared output becomes what lies at `build/in`, in capitals. What real workers do is buildbox's to
show (harness.casd); this one is for what they do not do on request.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as services
from buildstream._protos.google.longrunning import operations_pb2 as operations
from buildstream._protos.google.longrunning import operations_pb2_grpc as operation_services
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from harness.reapi_server import Behaviour, ReapiServer

#: google.rpc.Code.
PRECONDITION = 9


@dataclass
class Running:
    """One operation."""

    name: str
    action: re.Action
    cancelled: threading.Event = field(default_factory=threading.Event)


class ReapiEngine(ReapiServer):
    """The engine.

    Attributes:
        executes: whether its capabilities say so.
        version: the newest of the API that it speaks.
        answers: given in turn, instead of working.
        cuts: so many streams break off after their first message.
        forgets: an operation whose stream broke off is not known any more.
        start: work is queued until it is set.
        changes: what becomes of a worker's result before it is told.
        requests: what it was asked to execute.
        streams: what is written can be read as it is written.
        breaks: so many readers of it are broken off after what is there.
        ends: a command runs until it is set.
    """

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.executes = True
        self.version = (2, 12)
        self.answers: list[re.ExecuteResponse] = []
        self.cuts = 0
        self.forgets = False
        self.start = threading.Event()
        self.start.set()
        self.changes: Callable[[re.ActionResult], None] = lambda result: None
        self.requests: list[re.ExecuteRequest] = []
        self.streams = False
        self.breaks = 0
        self.ends = threading.Event()
        self.ends.set()
        self.log = bytearray()
        self.wrote = threading.Condition()
        self.operations: dict[str, Running] = {}
        self.cancelled: list[str] = []
        self._numbers = itertools.count()
        super().__init__(behaviour)

    def add_services(self, server: grpc.Server) -> None:
        services.add_ExecutionServicer_to_server(_Execution(self), server)
        operation_services.add_OperationsServicer_to_server(_Operations(self), server)

    def add_capabilities(self, told: re.ServerCapabilities) -> None:
        told.execution_capabilities.exec_enabled = self.executes
        told.execution_capabilities.digest_functions.append(self.function)
        told.high_api_version.major, told.high_api_version.minor = self.version

    def begin(self, request: re.ExecuteRequest) -> Running:
        self.requests.append(request)
        running = Running(f"operations/{next(self._numbers)}", re.Action())
        blob = self.blobs.get(request.action_digest.hash)
        if blob is not None:
            running.action.ParseFromString(blob)
        self.operations[running.name] = running
        return running

    def work(self, running: Running) -> re.ExecuteResponse:
        if self.answers:
            return self.answers.pop(0)
        answer = re.ExecuteResponse()
        try:
            command = re.Command.FromString(self.blobs[running.action.command_digest.hash])
            below = {node.name: node for node in self.directory(running.action.input_root_digest).directories}["build"]
            (source,) = [node for node in self.directory(below.digest).files if node.name == "in"]
            data = self.blobs[source.digest.hash].upper()
        except KeyError:
            answer.status.code = PRECONDITION
            failure = AnyMessage(type_url="type.googleapis.com/google.rpc.PreconditionFailure", value=missing())
            answer.status.details.append(failure)
            return answer
        answer.result.output_files.add(path=command.output_paths[0], digest=self.put(data))
        answer.result.stdout_digest.CopyFrom(self.put(bytes(self.log) or b"worked\n"))
        answer.result.execution_metadata.execution_start_timestamp.FromNanoseconds(1_000_000_000)
        answer.result.execution_metadata.execution_completed_timestamp.FromNanoseconds(3_500_000_000)
        self.changes(answer.result)
        return answer

    def write(self, data: bytes) -> None:
        """The command writes this to standard output."""
        with self.wrote:
            self.log += data
            self.wrote.notify_all()

    def stream(self, name: str, offset: int, context: grpc.ServicerContext) -> Iterator[bytes] | None:
        return self._read(offset, context) if name.endswith("/stdout") else None

    def _read(self, offset: int, context: grpc.ServicerContext) -> Iterator[bytes]:
        while context.is_active() and not self.released.is_set():
            with self.wrote:
                if len(self.log) <= offset:
                    self.wrote.wait(0.01)
                data = bytes(self.log[offset:])
            if data:
                offset += len(data)
                yield data
                if self.breaks:
                    self.breaks -= 1
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")

    def directory(self, digest: re.Digest) -> re.Directory:
        return re.Directory.FromString(self.blobs[digest.hash] if digest.size_bytes else b"")

    def put(self, data: bytes) -> re.Digest:
        name = self.hash(data)
        self.blobs[name] = data
        return re.Digest(hash=name, size_bytes=len(data))


def missing() -> bytes:
    """google.rpc.PreconditionFailure of an input that is not there."""
    violation = b"\n\x07MISSING\x12\x04blob"
    return b"\n" + bytes([len(violation)]) + violation


class _Execution(services.ExecutionServicer):
    def __init__(self, server: ReapiEngine) -> None:
        self.server = server

    def Execute(self, request, context) -> Iterator[operations.Operation]:  # noqa: N802 - gRPC's name
        self.server.entered("Execute", request, context)
        self.server.check_function(request.digest_function, context)
        return self._follow(self.server.begin(request), context)

    def WaitExecution(self, request, context) -> Iterator[operations.Operation]:  # noqa: N802 - gRPC's name
        self.server.entered("WaitExecution", request, context)
        running = self.server.operations.get(request.name)
        if running is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such operation")
        return self._follow(running, context)

    def _follow(self, running: Running, context: grpc.ServicerContext) -> Iterator[operations.Operation]:
        yield told(running, re.ExecutionStage.QUEUED)
        if self.server.cuts:
            self.server.cuts -= 1
            if self.server.forgets:
                del self.server.operations[running.name]
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")
        context.add_callback(running.cancelled.set)
        while not self.server.start.wait(0.01):
            if running.cancelled.is_set() or self.server.released.is_set():
                return
        yield told(running, re.ExecutionStage.EXECUTING, f"{running.name}/stdout" if self.server.streams else "")
        while not self.server.ends.wait(0.01):
            if running.cancelled.is_set() or self.server.released.is_set():
                return
        done = told(running, re.ExecutionStage.COMPLETED)
        done.done = True
        done.response.Pack(self.server.work(running))
        yield done


class _Operations(operation_services.OperationsServicer):
    def __init__(self, server: ReapiEngine) -> None:
        self.server = server

    def CancelOperation(self, request: Any, context: grpc.ServicerContext) -> Empty:  # noqa: N802 - gRPC's name
        self.server.cancelled.append(request.name)
        return Empty()


def told(running: Running, stage: int, stdout: str = "") -> operations.Operation:
    """How far it is."""
    operation = operations.Operation(name=running.name)
    operation.metadata.Pack(re.ExecuteOperationMetadata(stage=stage, stdout_stream_name=stdout))
    return operation
