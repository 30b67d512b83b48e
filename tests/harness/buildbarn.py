"""What a bb-storage makes of its frontend's configuration, as its documentation has it: certificates, authorizers, and nothing stored.

Buildbarn can't be had from a package registry. This stands in its place with its own file: real TLS with the certificates that it names,
its JMESPath expressions over what is in a client's certificate and in a message, and a server for each namespace that it leads to.
Source: pkg/proto/configuration/{auth,grpc,bb_storage,blobstore}/*.proto of bb-storage, at the commit that buildbarn.schema.yaml names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import grpc
import jmespath
from cryptography import x509

from lkbuild.base import wire

_STORAGE = "/build.bazel.remote.execution.v2.ContentAddressableStorage/"
_RESULTS = "/build.bazel.remote.execution.v2.ActionCache/"
_STREAMS = "/google.bytestream.ByteStream/"
#: What a method needs: of which storage which authorizer.
METHODS = {
    f"{_STORAGE}FindMissingBlobs": ("contentAddressableStorage", "findMissingAuthorizer"),
    f"{_STORAGE}BatchReadBlobs": ("contentAddressableStorage", "getAuthorizer"),
    f"{_STORAGE}BatchUpdateBlobs": ("contentAddressableStorage", "putAuthorizer"),
    f"{_STREAMS}Read": ("contentAddressableStorage", "getAuthorizer"),
    f"{_STREAMS}Write": ("contentAddressableStorage", "putAuthorizer"),
    f"{_RESULTS}GetActionResult": ("actionCache", "getAuthorizer"),
    f"{_RESULTS}UpdateActionResult": ("actionCache", "putAuthorizer"),
}


class Frontend(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Listens at the ports that it chose, one for each address of the configuration."""

    def __init__(self, configuration: Mapping[str, Any], certificates: Path, behind: Mapping[str, str]) -> None:
        """`certificates`: the folder in the place of the one that the configuration names; `behind`: a server for each prefix of names."""
        self._told = configuration
        (listening,) = configuration["grpcServers"]
        files = listening["tls"]["serverKeyPair"]["files"]
        self._client = listening["authenticationPolicy"]["tlsClientCertificate"]
        paths = (files["privateKeyPath"], files["certificatePath"], self._client["clientCertificateAuthorities"])
        key, chain_of, roots = ((certificates / Path(path).name).read_bytes() for path in paths)
        credentials = grpc.ssl_server_credentials([(key, chain_of)], root_certificates=roots, require_client_auth=True)
        prefixes = configuration["contentAddressableStorage"]["backend"]["demultiplexing"]["instanceNamePrefixes"]
        self._behind = {prefix: grpc.insecure_channel(behind[prefix]) for prefix in prefixes}
        self._pool = ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool, handlers=(self,))
        self.ports = {
            int(address.rpartition(":")[2]): self._server.add_secure_port("127.0.0.1:0", credentials)
            for address in listening["listenAddresses"]
        }
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()
        for channel in self._behind.values():
            channel.close()
        self._pool.shutdown(wait=False)

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:
        method = handler_call_details.method
        if method not in METHODS:
            return None

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            first = next(requests)
            instance = _instance(method, first)
            self._authorize(method, instance, context)
            prefix = next((prefix for prefix in self._behind if instance == prefix or instance.startswith(f"{prefix}/")), None)
            if prefix is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown instance name {instance!r}")
            call = self._behind[prefix].stream_stream(method)(chain((first,), requests))
            try:
                yield from call
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.stream_stream_rpc_method_handler(serve)

    def _authorize(self, method: str, instance: str, context: grpc.ServicerContext) -> None:
        presented = _names(x509.load_pem_x509_certificate(context.auth_context()["x509_pem_cert"][0]))
        if jmespath.search(self._client["validationJmespathExpression"]["expression"], presented) is not True:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the certificate is not one of a client")
        metadata = jmespath.search(self._client["metadataExtractionJmespathExpression"]["expression"], presented)
        storage, authorizer = METHODS[method]
        expression = self._told[storage][authorizer]["jmespathExpression"]["expression"]
        if jmespath.search(expression, {"authenticationMetadata": metadata, "files": {}, "instanceName": instance}) is not True:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"may not {authorizer} in {instance!r}")


def _names(certificate: x509.Certificate) -> dict[str, list[str]]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        "dnsNames": found.get_values_for_type(x509.DNSName),
        "emailAddresses": found.get_values_for_type(x509.RFC822Name),
        "uris": found.get_values_for_type(x509.UniformResourceIdentifier),
    }


def _instance(method: str, message: bytes) -> str:
    """The first field of a message is the name of an instance, or of a resource, which begins with one."""
    value = dict(wire.fields(message)).get(1, b"")
    assert isinstance(value, bytes)
    text = value.decode()
    if not method.startswith(_STREAMS):
        return text
    words = text.split("/")
    return "/".join(words[: next(number for number, word in enumerate(words) if word in ("blobs", "compressed-blobs", "uploads"))])
