"""Who may do what at a cache that we serve: what `serve.yaml` declares. Values only; knows no server and no file."""

from __future__ import annotations

from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.model.cache_policy import READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS

#: What a server can enforce: a client's certificate says who it is, the method that it calls what it wants.
SERVED_RIGHTS: Final = (READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS)
#: How a namespace is spoken to: the Remote Execution API, or Bazel's HTTP cache protocol.
GRPC: Final = "grpc"
HTTP: Final = "http"
PROTOCOLS: Final = (GRPC, HTTP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A namespace: a port, what stands behind it, and who may do what there.

    Attributes:
        name: REAPI's instance name; over HTTP the path below which `ac/` and `cas/` are.
        port: where it listens.
        protocol: of PROTOCOLS.
        size: bytes that it may take, None: as many as the disk has. HTTP is not collected.
        server: `HOST:PORT` of a server that runs already; None: one of its own is started.
        clients: the rights of each client, by its name.
    """

    name: str
    port: int
    protocol: str = GRPC
    size: int | None = None
    server: str | None = None
    clients: tuple[tuple[str, frozenset[str]], ...] = ()

    def who(self, *rights: str) -> tuple[str, ...]:
        """The clients that have any of these rights."""
        return tuple(name for name, given in self.clients if not given.isdisjoint(rights))

    def url(self, host: str) -> str:
        """Where clients find it, at a host of that name."""
        return f"{'grpcs' if self.protocol == GRPC else 'https'}://{host}:{self.port}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePolicy:
    """A cache that is served.

    Attributes:
        listen: the address that it listens at.
        names: host names and addresses of the server's certificate; clients are told the first.
        namespaces: what it serves.
    """

    listen: str
    names: tuple[str, ...]
    namespaces: tuple[Served, ...]

    def clients(self) -> tuple[str, ...]:
        """Everyone who may do something, in the order of the file."""
        return tuple(dict.fromkeys(name for served in self.namespaces for name, _ in served.clients))
