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
        answers: given in turn, instead of working.
        cuts: so many streams break off after their first message.
        forgets: an operation whose stream broke off is not known any more.
        start: work is queued until it is set.
        changes: what becomes of a worker's result before it is told.
        requests: what it was asked to execute.
    """

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.executes = True
        self.answers: list[re.ExecuteResponse] = []
        self.cuts = 0
        self.forgets = False
        self.start = threading.Event()
        self.start.set()
        self.changes: Callable[[re.ActionResult], None] = lambda result: None
        self.requests: list[re.ExecuteRequest] = []
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
        answer.result.stdout_digest.CopyFrom(self.put(b"worked\n"))
        self.changes(answer.result)
        return answer

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
        yield told(running, re.ExecutionStage.EXECUTING)
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


def told(running: Running, stage: int) -> operations.Operation:
    """How far it is."""
    operation = operations.Operation(name=running.name)
    operation.metadata.Pack(re.ExecuteOperationMetadata(stage=stage))
    return operation
