"""Results of actions as REAPI ActionResult messages. Pure: bytes in, values out.

Source: build.bazel.remote.execution.v2: ActionResult{output_files=2, output_directories=3, exit_code=4, stdout_digest=6,
execution_metadata=9}, OutputFile{path=1, digest=2, is_executable=4}, OutputDirectory{path=1, root_directory_digest=5},
ExecutedActionMetadata{virtual_execution_duration=12}, Duration{seconds=1, nanos=2}.
"""

from __future__ import annotations

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.tree import decode_digest, encode_digest

_NANOS = 1_000_000_000


def encode_result(result: ActionResult) -> bytes:
    """The canonical message: outputs sorted by path. Only results with a non-negative exit code can be encoded."""
    parts = [
        wire.message(2, wire.text(1, item.path) + wire.message(2, encode_digest(item.digest)) + wire.boolean(4, value=item.executable))
        for item in sorted(result.files, key=lambda item: item.path)
    ]
    parts += [
        wire.message(3, wire.text(1, item.path) + wire.message(5, encode_digest(item.root)))
        for item in sorted(result.trees, key=lambda item: item.path)
    ]
    parts.append(wire.integer(4, result.exit_code))
    if result.log is not None:
        parts.append(wire.message(6, encode_digest(result.log)))
    if result.seconds > 0:
        seconds, nanos = divmod(round(result.seconds * _NANOS), _NANOS)
        parts.append(wire.message(9, wire.message(12, wire.integer(1, seconds) + wire.integer(2, nanos))))
    return b"".join(parts)


def decode_result(data: bytes) -> ActionResult:
    """The inverse of `encode_result`; unknown fields are skipped. Raises ValueError (wire.WireError) on damage."""
    files: list[OutputFile] = []
    trees: list[OutputTree] = []
    exit_code, log, seconds = 0, None, 0.0
    for number, value in wire.fields(data):
        if number == 2:
            inner = _message(value)
            files.append(OutputFile(_path(inner), _digest(inner, 2), bool(inner.get(4, 0))))
        elif number == 3:
            inner = _message(value)
            trees.append(OutputTree(_path(inner), _digest(inner, 5)))
        elif number == 4 and isinstance(value, int):
            exit_code = value
        elif number == 6:
            log = decode_digest(_bytes(value))
        elif number == 9:
            seconds = _duration(_message(value).get(12, b""))
    return ActionResult(files=tuple(files), trees=tuple(trees), exit_code=exit_code, log=log, seconds=seconds)


def _duration(value: int | bytes) -> float:
    inner = _message(value)
    whole, nanos = inner.get(1, 0), inner.get(2, 0)
    if not isinstance(whole, int) or not isinstance(nanos, int):
        raise wire.WireError("a duration holds two numbers")
    return whole + nanos / _NANOS


def _message(value: int | bytes) -> dict[int, int | bytes]:
    return dict(wire.fields(_bytes(value)))


def _digest(inner: dict[int, int | bytes], number: int) -> Digest:
    return decode_digest(_bytes(inner.get(number, b"")))


def _path(inner: dict[int, int | bytes]) -> str:
    return _bytes(inner.get(1, b"")).decode("utf-8", "surrogateescape")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise wire.WireError("expected a message")
    return value
