"""A REAPI cache in this process: a real gRPC server over generated messages, which misbehaves where it is told to.

It is an implementation of its own (none of lkbuild's code), speaks BLAKE3 and zstd as no server does that can be installed from a package
registry, and checks what clients send as strictly as the specification lets a server. Faults are injected by method name.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import zstandard
from blake3 import blake3
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as services
from buildstream._protos.google.bytestream import bytestream_pb2 as bs
from buildstream._protos.google.bytestream import bytestream_pb2_grpc as stream_services

Hook = Callable[[Any, grpc.ServicerContext], None]


@dataclass
class Behaviour:
    """How the server is.

    Attributes:
        blake3: it speaks BLAKE3 only; else SHA-256 only.
        zstd: it offers compressed transfers.
        batch_bytes: its limit of a batch; 0: none of its own.
        may_update: whether it says that it takes results.
        hooks: by method: called before it; may abort the call, or wait.
        cut_reads_after: a ByteStream read is broken off by UNAVAILABLE after so many bytes on the wire, so many times.
        cut_writes_after: the same for writes.
        hang_reads: a ByteStream read stops after its first message.
        lies: it says that it has every blob that it is asked about.
        spoil: changes the bytes of a blob on their way out.
    """

    blake3: bool = True
    zstd: bool = True
    batch_bytes: int = 0
    may_update: bool = True
    hooks: dict[str, Hook] = field(default_factory=dict)
    cut_reads_after: int = 0
    cut_writes_after: int = 0
    cuts: int = 1
    lies: bool = False
    hang_reads: bool = False
    spoil: Callable[[bytes], bytes] | None = None


class ReapiServer:
    """The server, its content and what it was asked."""

    def __init__(self, behaviour: Behaviour | None = None, tls: grpc.ServerCredentials | None = None) -> None:
        self.is_ = behaviour or Behaviour()
        self._scheme = "grpc" if tls is None else "grpcs"
        self.blobs: dict[str, bytes] = {}
        self.results: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.headers: list[dict[str, Any]] = []
        self.resources: list[str] = []
        self.partial: dict[str, bytearray] = {}
        self.released = threading.Event()
        self._pool = ThreadPoolExecutor(32)
        self._server = grpc.server(self._pool)
        services.add_CapabilitiesServicer_to_server(_Capabilities(self), self._server)
        services.add_ActionCacheServicer_to_server(_ActionCache(self), self._server)
        services.add_ContentAddressableStorageServicer_to_server(_Storage(self), self._server)
        stream_services.add_ByteStreamServicer_to_server(_Streams(self), self._server)
        self.add_services(self._server)
        here = "localhost:0"
        self.port = self._server.add_insecure_port(here) if tls is None else self._server.add_secure_port(here, tls)
        self._server.start()

    def add_services(self, server: grpc.Server) -> None:
        """More services of a server that can more."""

    def add_capabilities(self, told: re.ServerCapabilities) -> None:
        """What those can."""

    def stream(self, name: str, offset: int, context: grpc.ServicerContext) -> Iterator[bytes] | None:
        """What can be read that is no blob; None: nothing of this name."""
        return None

    @property
    def url(self) -> str:
        return f"{self._scheme}://localhost:{self.port}"

    def stop(self) -> None:
        """Down, at once."""
        self.released.set()
        self._server.stop(0).wait()
        self._pool.shutdown(wait=False)

    def die(self) -> None:
        """Down in the middle of a call, from within it."""
        self._server.stop(0)

    # --- what the services share --------------------------------------------------------------------------------------------

    @property
    def function(self) -> int:
        return re.DigestFunction.BLAKE3 if self.is_.blake3 else re.DigestFunction.SHA256

    def hash(self, data: bytes) -> str:
        return blake3(data).hexdigest() if self.is_.blake3 else hashlib.sha256(data).hexdigest()

    def has(self, digest: re.Digest) -> bool:
        return digest.size_bytes == 0 or digest.hash in self.blobs

    def entered(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        self.calls[method] += 1
        self.headers.append(dict(context.invocation_metadata()))
        hook = self.is_.hooks.get(method)
        if hook is not None:
            hook(request, context)

    def check_function(self, number: int, context: grpc.ServicerContext) -> None:
        if number not in (0, self.function) or (number == 0 and self.is_.blake3):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "digest function")

    def out(self, data: bytes) -> bytes:
        return self.is_.spoil(data) if self.is_.spoil else data


class _Capabilities(services.CapabilitiesServicer):
    def __init__(self, server: ReapiServer) -> None:
        self.server = server

    def GetCapabilities(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("GetCapabilities", request, context)
        told = re.ServerCapabilities()
        cache = told.cache_capabilities
        cache.digest_functions.append(self.server.function)
        cache.action_cache_update_capabilities.update_enabled = self.server.is_.may_update
        cache.max_batch_total_size_bytes = self.server.is_.batch_bytes
        if self.server.is_.zstd:
            cache.supported_compressors.extend([re.Compressor.IDENTITY, re.Compressor.ZSTD])
            cache.supported_batch_update_compressors.append(re.Compressor.ZSTD)
        self.server.add_capabilities(told)
        return told


class _ActionCache(services.ActionCacheServicer):
    def __init__(self, server: ReapiServer) -> None:
        self.server = server

    def GetActionResult(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("GetActionResult", request, context)
        self.server.check_function(request.digest_function, context)
        data = self.server.results.get(request.action_digest.hash)
        if data is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such result")
        return re.ActionResult.FromString(data)

    def UpdateActionResult(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("UpdateActionResult", request, context)
        self.server.check_function(request.digest_function, context)
        if not self.server.has(request.action_digest):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the action is not there")
        action = re.Action.FromString(self.server.blobs[request.action_digest.hash])
        named = [action.command_digest, *(item.digest for item in request.action_result.output_files)]
        named += [item.tree_digest for item in request.action_result.output_directories]
        if not all(map(self.server.has, named)):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "what the result names is not there")
        self.server.results[request.action_digest.hash] = request.action_result.SerializeToString()
        return request.action_result


class _Storage(services.ContentAddressableStorageServicer):
    def __init__(self, server: ReapiServer) -> None:
        self.server = server

    def FindMissingBlobs(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("FindMissingBlobs", request, context)
        self.server.check_function(request.digest_function, context)
        missing = [] if self.server.is_.lies else [digest for digest in request.blob_digests if not self.server.has(digest)]
        return re.FindMissingBlobsResponse(missing_blob_digests=missing)

    def BatchUpdateBlobs(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("BatchUpdateBlobs", request, context)
        self.server.check_function(request.digest_function, context)
        self._limit(sum(len(item.data) for item in request.requests), context)
        answer = re.BatchUpdateBlobsResponse()
        for item in request.requests:
            data = zstandard.ZstdDecompressor().decompress(item.data) if item.compressor == re.Compressor.ZSTD else item.data
            one = answer.responses.add(digest=item.digest)
            if self.server.hash(data) == item.digest.hash and len(data) == item.digest.size_bytes:
                self.server.blobs[item.digest.hash] = data
            else:
                one.status.code = 3
        return answer

    def BatchReadBlobs(self, request, context):  # noqa: N802 - gRPC's name
        self.server.entered("BatchReadBlobs", request, context)
        self.server.check_function(request.digest_function, context)
        self._limit(sum(digest.size_bytes for digest in request.digests), context)
        answer = re.BatchReadBlobsResponse()
        for digest in request.digests:
            one = answer.responses.add(digest=digest)
            data = self.server.blobs.get(digest.hash)
            if data is None:
                one.status.code = 5
                continue
            one.data = self.server.out(data)
            if re.Compressor.ZSTD in request.acceptable_compressors:
                one.data, one.compressor = zstandard.ZstdCompressor().compress(one.data), re.Compressor.ZSTD
        return answer

    def _limit(self, size: int, context: grpc.ServicerContext) -> None:
        if self.server.is_.batch_bytes and size > self.server.is_.batch_bytes:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the batch is too large")


class _Streams(stream_services.ByteStreamServicer):
    def __init__(self, server: ReapiServer) -> None:
        self.server = server

    def Read(self, request, context) -> Iterator[bs.ReadResponse]:  # noqa: N802 - gRPC's name
        self.server.entered("Read", request, context)
        self.server.resources.append(request.resource_name)
        stream = self.server.stream(request.resource_name, request.read_offset, context)
        if stream is not None:
            yield from (bs.ReadResponse(data=piece) for piece in stream)
            return
        parts = request.resource_name.split("/")
        blob = self.server.blobs.get(parts[-2])
        self._check(parts, context)
        if blob is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such blob")
        data = self.server.out(blob)[request.read_offset :]
        if "compressed-blobs" in parts:
            data = zstandard.ZstdCompressor().compress(data)
        cut = self._cut(self.server.is_.cut_reads_after)
        for start in range(0, len(data), 1 << 16):
            if cut and start >= cut:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")
            yield bs.ReadResponse(data=data[start : start + (1 << 16)])
            if self.server.is_.hang_reads:
                self.server.released.wait()

    def Write(self, requests, context) -> bs.WriteResponse:  # noqa: N802 - gRPC's name
        first = next(requests)
        self.server.entered("Write", first, context)
        name = first.resource_name
        self.server.resources.append(name)
        parts = name.split("/")
        self._check(parts, context)
        have = self.server.partial.setdefault(name, bytearray())
        cut = self._cut(self.server.is_.cut_writes_after)
        request = first
        while True:
            if request.write_offset != len(have):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"offset {request.write_offset} where {len(have)} was due")
            have += request.data
            if cut and len(have) >= cut:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is gone")
            if request.finish_write:
                break
            request = next(requests)
        data = bytes(self.server.partial.pop(name))
        plain = zstandard.ZstdDecompressor().decompressobj().decompress(data) if "compressed-blobs" in parts else data
        if self.server.hash(plain) != parts[-2] or len(plain) != int(parts[-1]):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "these are not the bytes")
        self.server.blobs[parts[-2]] = plain
        return bs.WriteResponse(committed_size=len(data))

    def QueryWriteStatus(self, request, context) -> bs.QueryWriteStatusResponse:  # noqa: N802 - gRPC's name
        self.server.entered("QueryWriteStatus", request, context)
        have = self.server.partial.get(request.resource_name)
        if have is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such upload")
        return bs.QueryWriteStatusResponse(committed_size=len(have))

    def _check(self, parts: list[str], context: grpc.ServicerContext) -> None:
        if ("blake3" in parts) != self.server.is_.blake3:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "digest function in the resource name")

    def _cut(self, after: int) -> int:
        if not after or not self.server.is_.cuts:
            return 0
        self.server.is_.cuts -= 1
        return after


def failing(code: grpc.StatusCode, text: str = "injected", *, times: int | None = None) -> Hook:
    """A hook that aborts the call, always or so many times."""
    left = [times]

    def hook(request: Any, context: grpc.ServicerContext) -> None:
        if left[0] is None or left[0] > 0:
            if left[0] is not None:
                left[0] -= 1
            context.abort(code, text)

    return hook


def hanging(server: ReapiServer) -> Hook:
    """A hook that waits until the server is stopped."""

    def hook(request: Any, context: grpc.ServicerContext) -> None:
        server.released.wait()
        context.abort(grpc.StatusCode.UNAVAILABLE, "released")

    return hook
