"""Messages of the Remote Execution API's Execution service, to bytes and back. Pure.

Source: ExecuteRequest{instance_name=1, skip_cache_lookup=3, action_digest=6, digest_function=9}, WaitExecutionRequest{name=1},
google.longrunning.Operation{name=1, metadata=2, done=3, error=4, response=5}, CancelOperationRequest{name=1},
ExecuteOperationMetadata{stage=1, stdout_stream_name=3, stderr_stream_name=4}, ExecuteResponse{result=1, status=3},
google.rpc.Status{code=1, message=2, details=3}, google.rpc.PreconditionFailure{violations=1{type=1, subject=2}}, ActionResult as in
lkbuild.remote.results with output_symlinks=12, output_file_symlinks=10, output_directory_symlinks=11, stdout_raw=5, stderr_raw=7,
stderr_digest=8, execution_metadata=9, ExecutedActionMetadata{execution_start_timestamp=7, execution_completed_timestamp=8},
Timestamp{seconds=1, nanos=2}.
"""

from __future__ import annotations

from typing import Final

from lkbuild.base import wire
from lkbuild.base.values import dataclass
from lkbuild.model.tree import decode_digest, encode_digest
from lkbuild.remote.faults import Misbehaved
from lkbuild.remote.names import Name

EXECUTE: Final = "/build.bazel.remote.execution.v2.Execution/Execute"
WAIT: Final = "/build.bazel.remote.execution.v2.Execution/WaitExecution"
CANCEL: Final = "/google.longrunning.Operations/CancelOperation"

#: google.rpc.Code.
OK: Final = 0
EXECUTING: Final = 3  # ExecutionStage.Value
_PRECONDITION: Final = b"type.googleapis.com/google.rpc.PreconditionFailure"


@dataclass(frozen=True, slots=True)
class Status:
    """google.rpc.Status. `missing`: it says that inputs are not there."""

    code: int = OK
    message: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerResult:
    """An ActionResult as a worker made it, in the server's names.

    `logs` are standard output and standard error, bytes where the server sent them along; `seconds`: how long the command took, where the
    worker says so.
    """

    exit_code: int = 0
    files: tuple[tuple[str, Name, bool], ...] = ()
    directories: tuple[tuple[str, Name], ...] = ()
    links: tuple[str, ...] = ()
    logs: tuple[Name | bytes, Name | bytes] = (b"", b"")
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """ExecuteResponse."""

    result: WorkerResult
    status: Status = Status()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How far an execution is; `response` is there at the end.

    `streams`: where standard output and standard error can be read as they are written; "" where that can't be.
    """

    name: str
    executing: bool = False
    streams: tuple[str, str] = ("", "")
    response: Response | None = None


def execute_request(instance: str, action: Name, function: int, *, fresh: bool) -> bytes:
    """ExecuteRequest."""
    action_digest = wire.message(6, encode_digest(action))
    return wire.text(1, instance) + wire.boolean(3, value=fresh) + action_digest + wire.integer(9, function)


def wait_request(name: str) -> bytes:
    """WaitExecutionRequest, and CancelOperationRequest."""
    return wire.text(1, name)


def parse_operation(data: bytes) -> Operation:
    """Operation. Raises Misbehaved."""
    try:
        return _operation(data)
    except (ValueError, KeyError, TypeError) as error:  # of the wire, of digests, of what was no message
        raise Misbehaved(f"no operation: {error}") from error


def _operation(data: bytes) -> Operation:
    fields = dict(wire.fields(data))
    name = _text(fields.get(1, b""))
    if not fields.get(3):
        metadata = dict(wire.fields(_bytes(dict(wire.fields(_bytes(fields.get(2, b"")))).get(2, b""))))
        streams = _text(metadata.get(3, b"")), _text(metadata.get(4, b""))
        return Operation(name=name, executing=metadata.get(1) == EXECUTING, streams=streams)
    if 4 in fields:
        return Operation(name=name, response=Response(result=WorkerResult(), status=_status(fields[4])))
    return Operation(name=name, response=_response(_bytes(dict(wire.fields(_bytes(fields[5])))[2])))


def _response(data: bytes) -> Response:
    fields = dict(wire.fields(data))
    status = _status(fields.get(3, b""))
    return Response(result=_result(_bytes(fields.get(1, b""))), status=status)


def _status(value: int | bytes) -> Status:
    code, message, missing = OK, "", False
    for number, item in wire.fields(_bytes(value)):
        if number == 1 and isinstance(item, int):
            code = item
        elif number == 2:
            message = _bytes(item).decode("utf-8", "replace")
        elif number == 3:
            detail = dict(wire.fields(_bytes(item)))
            missing = missing or (detail.get(1) == _PRECONDITION and _names_missing(_bytes(detail.get(2, b""))))
    return Status(code, message, missing)


def _names_missing(failure: bytes) -> bool:
    violations = (dict(wire.fields(_bytes(item))) for number, item in wire.fields(failure) if number == 1)
    return any(violation.get(1) == b"MISSING" for violation in violations)


def _result(data: bytes) -> WorkerResult:
    files: list[tuple[str, Name, bool]] = []
    directories: list[tuple[str, Name]] = []
    links: list[str] = []
    exit_code, seconds = 0, 0.0
    logs: dict[str, Name | bytes] = {}
    for number, value in wire.fields(data):
        if number == 4 and isinstance(value, int):
            exit_code = value - (1 << 64) if value >= 1 << 63 else value
        elif number in (5, 7):
            logs.setdefault("stdout" if number == 5 else "stderr", _bytes(value))
        elif number in (6, 8) and (name := Name(decode_digest(_bytes(value)))).size:
            logs["stdout" if number == 6 else "stderr"] = name
        elif number == 9:
            metadata = dict(wire.fields(_bytes(value)))
            seconds = max(0.0, _time(metadata.get(8, b"")) - _time(metadata.get(7, b"")))
        elif number in (2, 3, 10, 11, 12):
            inner = dict(wire.fields(_bytes(value)))
            path = _text(inner[1])
            if number == 2:
                files.append((path, Name(decode_digest(_bytes(inner[2]))), bool(inner.get(4))))
            elif number == 3:
                directories.append((path, Name(decode_digest(_bytes(inner[3])))))
            else:
                links.append(path)
    return WorkerResult(
        exit_code=exit_code,
        files=tuple(files),
        directories=tuple(directories),
        links=tuple(dict.fromkeys(links)),
        logs=(logs.get("stdout", b""), logs.get("stderr", b"")),
        seconds=seconds,
    )


def _time(value: int | bytes) -> float:
    fields = dict(wire.fields(_bytes(value)))
    seconds, nanos = fields.get(1, 0), fields.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        raise Misbehaved("a time holds two numbers")
    return seconds + nanos / 1e9


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "surrogateescape")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise Misbehaved("a number where a message was due")
    return value
