"""nginx's configuration for a policy: TLS, client certificates, and who may do what. Pure; does not know where nginx runs.

gRPC's method is the path of an HTTP/2 request, and a certificate's subject is a variable: a right is a map from subjects to 0 or 1, which
the locations of its methods ask. Every method that is not listed is refused, above all those by which buildbox-casd reads local files.
A namespace is inside of the message, where nginx can't see it: so each has a port, and a server behind it that knows no other.
Source: nginx.org/en/docs/http (ngx_http_grpc_module, ngx_http_ssl_module, ngx_http_dav_module), nginx 1.26.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.model.cache_policy import READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS
from lkbuild.model.serve_policy import HTTP, SERVED_RIGHTS, Served, ServePolicy

_REAPI: Final = "build.bazel.remote.execution.v2"
_STORAGE: Final = f"{_REAPI}.ContentAddressableStorage"
_STREAM: Final = "google.bytestream.ByteStream"
#: Each method that is let through, and the rights of which a client needs one.
METHODS: Final = {
    f"{_REAPI}.Capabilities/GetCapabilities": SERVED_RIGHTS,
    f"{_REAPI}.ActionCache/GetActionResult": (READ_RESULTS,),
    f"{_REAPI}.ActionCache/UpdateActionResult": (WRITE_RESULTS,),
    f"{_STORAGE}/FindMissingBlobs": (READ_BLOBS, WRITE_BLOBS),
    f"{_STORAGE}/BatchReadBlobs": (READ_BLOBS,),
    f"{_STORAGE}/GetTree": (READ_BLOBS,),
    f"{_STORAGE}/SplitBlob": (READ_BLOBS,),
    f"{_STORAGE}/BatchUpdateBlobs": (WRITE_BLOBS,),
    f"{_STORAGE}/SpliceBlob": (WRITE_BLOBS,),
    f"{_STREAM}/Read": (READ_BLOBS,),
    f"{_STREAM}/Write": (WRITE_BLOBS,),
    f"{_STREAM}/QueryWriteStatus": (WRITE_BLOBS,),
}
#: Over HTTP: the folder and the request's method, and the right that it takes.
_FILES: Final = {
    "cas GET": READ_BLOBS,
    "cas HEAD": READ_BLOBS,
    "cas PUT": WRITE_BLOBS,
    "ac GET": READ_RESULTS,
    "ac HEAD": READ_RESULTS,
    "ac PUT": WRITE_RESULTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are for nginx.

    Attributes:
        certificates: folder of server.pem, server.key and ca.pem.
        run: folder for its pid, its temporary files and the sockets of servers.
        data: folder of the namespaces that it serves as files.
    """

    certificates: str
    run: str
    data: str


#: Where they are in a machine or container of their own.
INSTALLED: Final = Places(certificates="/etc/lkbuild-cache", run="/run/lkbuild-cache", data="/var/lib/lkbuild-cache")


def nginx_configuration(policy: ServePolicy, places: Places) -> str:
    """The whole file."""
    return "\n".join(
        [*_head(places), *(line for served in enumerate(policy.namespaces) for line in _namespace(*served, policy, places)), "}", ""]
    )


def folder_of(served: Served) -> str:
    """The folder of a namespace's data, below that of all."""
    return f"{served.protocol}/{served.name}" if served.protocol == HTTP else f"{served.protocol}/{served.name.replace('/', '+')}"


def socket_of(number: int) -> str:
    """The socket of the server of a namespace, by its place in the policy, in the folder `run`."""
    return f"{number}.sock"


def _head(places: Places) -> Iterator[str]:
    run, certificates = places.run, places.certificates
    yield "# Written by `lkbuild cache serve` from serve.yaml: change that file, not this one."
    yield "daemon off;"
    yield "worker_processes auto;"
    yield f"pid {run}/nginx.pid;"
    yield "error_log stderr error;"
    yield "events { worker_connections 4096; }"
    yield "worker_rlimit_nofile 16384;"
    yield "http {"
    yield "  access_log off;"
    yield "  server_tokens off;"
    yield "  sendfile on;"
    yield "  default_type application/octet-stream;"
    # For names as long as they may be, and as many clients as there may be.
    yield "  map_hash_bucket_size 256;"
    yield "  map_hash_max_size 65536;"
    # On the disk of the data: what was put is renamed to its place.
    yield f"  client_body_temp_path {places.data}/incoming;"
    for kind in ("proxy", "fastcgi", "uwsgi", "scgi"):
        yield f"  {kind}_temp_path {run}/{kind};"
    yield f"  ssl_certificate {certificates}/server.pem;"
    yield f"  ssl_certificate_key {certificates}/server.key;"
    yield f"  ssl_client_certificate {certificates}/ca.pem;"
    yield "  ssl_verify_client on;"
    yield "  ssl_protocols TLSv1.2 TLSv1.3;"
    yield "  client_max_body_size 0;"
    # Blobs of gigabytes over slow lines: what counts is that something moves, and clients watch that themselves.
    yield "  client_body_timeout 10m;"
    yield "  grpc_read_timeout 10m;"
    yield "  grpc_send_timeout 10m;"
    # A stream's window, without which an upload waits for the line's latency every 64 KiB.
    yield "  http2_body_preread_size 1m;"
    yield "  client_body_buffer_size 1m;"
    yield "  keepalive_requests 1000000;"
    yield "  keepalive_timeout 1h;"


def _namespace(number: int, served: Served, policy: ServePolicy, places: Places) -> Iterator[str]:
    yield ""
    yield f"  # {served.name}"
    http = served.protocol == HTTP
    yield from _file_map(number, served) if http else _right_maps(number, served)
    if not http:
        server = served.server or f"unix:{places.run}/{socket_of(number)}"
        yield f"  upstream n{number} {{ server {server}; keepalive 64; }}"
    yield "  server {"
    yield f"    listen {f'[{policy.listen}]' if ':' in policy.listen else policy.listen}:{served.port} ssl;"
    yield from _files(number, served, places) if http else _methods(number, served)
    yield "  }"


def _methods(number: int, served: Served) -> Iterator[str]:
    yield "    http2 on;"
    # With gRPC's own statuses clients can tell people why, in one line.
    yield "    error_page 403 = @denied;"
    yield "    error_page 404 = @unknown;"
    yield "    error_page 495 496 = @stranger;"
    yield "    error_page 502 504 = @down;"
    for method, rights in METHODS.items():
        yield f"    location = /{method} {{"
        yield f'      set $lacking "{" or ".join(rights)}";'
        yield f"      if (${_variable(number, rights)} = 0) {{ return 403; }}"
        yield f"      grpc_pass grpc://n{number};"
        yield "    }"
    yield "    location / { return 404; }"
    yield from _answer("denied", 7, f"$ssl_client_s_dn may not $lacking in {served.name}")
    yield from _answer("unknown", 12, "this method is not served here")
    yield from _answer("stranger", 16, "no client certificate of this cache")
    yield from _answer("down", 14, "the server behind this one does not answer")


def _answer(name: str, status: int, message: str) -> Iterator[str]:
    yield f"    location @{name} {{"
    yield "      default_type application/grpc;"
    yield f"      add_header grpc-status {status};"
    yield f'      add_header grpc-message "{message}";'
    yield "      return 204;"
    yield "    }"


def _right_maps(number: int, served: Served) -> Iterator[str]:
    for rights in dict.fromkeys(METHODS.values()):
        subjects = "".join(f' "CN={client}" 1;' for client in served.who(*rights))
        yield f"  map $ssl_client_s_dn ${_variable(number, rights)} {{ default 0;{subjects} }}"


def _variable(number: int, rights: tuple[str, ...]) -> str:
    name = "known" if rights == SERVED_RIGHTS else "_or_".join(right.replace("-", "_") for right in rights)
    return f"n{number}_{name}"


def _file_map(number: int, served: Served) -> Iterator[str]:
    yield f'  map "$kind $request_method $ssl_client_s_dn" $n{number}_may {{'
    yield "    default 0;"
    for what, right in _FILES.items():
        for client in served.who(right):
            yield f'    "{what} CN={client}" 1;'
    yield "  }"


def _files(number: int, served: Served, places: Places) -> Iterator[str]:
    yield f'    location ~ "^/{served.name.replace(".", "[.]")}/(?<kind>ac|cas)/[0-9a-f]{{64}}$" {{'
    yield f"      if ($n{number}_may = 0) {{ return 403; }}"
    yield f"      root {places.data}/{HTTP};"
    yield "      dav_methods PUT;"
    yield "      create_full_put_path on;"
    yield "    }"
    yield "    location / { return 404; }"
