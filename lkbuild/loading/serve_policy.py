"""Reads `serve.yaml`, the policy of a cache that we serve, as strictly as BUILD.yaml. Does not know how it is enforced."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lkbuild.base.errors import LoadError, UsageError
from lkbuild.loading.cache_policy import SIZE, bytes_of
from lkbuild.loading.coerce import Coercer, Scope
from lkbuild.loading.disk import DiskFiles
from lkbuild.loading.trusted_keys import NAMESPACE
from lkbuild.model.attrs import Attr, FrozenMap, Integer, ListOf, MapOf, String, Struct
from lkbuild.model.cache_policy import RESERVED_SEGMENTS
from lkbuild.model.serve_policy import GRPC, HTTP, PROTOCOLS, SERVED_RIGHTS, Served, ServePolicy
from lkbuild.syntax.nodes import Fields
from lkbuild.syntax.parser import parse

SERVE_FILE: Final = "serve.yaml"
#: What a client, and with it its certificate, may be called: nothing that a DN or nginx would read as anything else.
CLIENT_NAME: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_LIMIT: Final = 1 << 20
_HOST: Final = String(pattern=r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9a-f:]+", lenient=True)
_FIELDS: Final = {
    "listen": Attr(type=_HOST, doc="The address to listen at; 0.0.0.0: every one of this machine.", default="0.0.0.0", configurable=False),  # noqa: S104 - a server's
    "names": Attr(
        type=ListOf(item=_HOST),
        doc="Host names and addresses of the certificate; clients use the first.",
        required=True,
        configurable=False,
    ),
    "namespaces": Attr(
        type=MapOf(
            key_pattern=NAMESPACE.pattern,
            value=Struct(
                fields={
                    "port": Attr(type=Integer(minimum=1024, maximum=65535), doc="Where it listens: each has a port.", required=True),
                    "protocol": Attr(type=String(choices=PROTOCOLS), doc="grpc, or Bazel's HTTP cache protocol.", default=GRPC),
                    "size": Attr(type=SIZE, doc="What it may take: 50G. What was unused for longest goes first."),
                    "server": Attr(
                        type=String(pattern=r"[A-Za-z0-9][A-Za-z0-9.-]*:[0-9]+"),
                        doc="HOST:PORT of a server of the Remote Execution API that runs already; else one is started.",
                    ),
                    "clients": Attr(
                        type=MapOf(value=ListOf(item=String(choices=SERVED_RIGHTS)), key_pattern=CLIENT_NAME),
                        doc="Who may do what: the names of certificates, and their rights.",
                        required=True,
                    ),
                }
            ),
        ),
        doc="What is served.",
        required=True,
        configurable=False,
    ),
}


def load_serve_policy(folder: Path) -> ServePolicy:
    """The policy of a folder. Raises UsageError where there is none, LoadError for one that is wrong."""
    files = DiskFiles(folder)
    data = files.read(SERVE_FILE, _LIMIT)
    if data is None:
        raise UsageError(f"there is no {folder / SERVE_FILE}", hint=f"`lkbuild cache serve --init {folder}` writes one")
    source, node = parse(data, SERVE_FILE)
    coercer = Coercer(Scope(source, "", files))
    if not isinstance(node, Fields):
        if node is not None:
            raise coercer.fail(node, "expected the policy of a cache", "write names: and namespaces:")
        raise source.error((0, 0), "an empty policy", "write names: and namespaces:")
    values = coercer.fields(node, _FIELDS, (), what="part of the policy")
    if not values["names"]:
        raise source.error(coercer.spots["names",], "a server needs a name", "write [cache.example.com]")
    _check_ports(coercer, values["namespaces"])
    return ServePolicy(
        listen=values["listen"],
        names=values["names"],
        namespaces=tuple(_served(coercer, name, item) for name, item in values["namespaces"].items()),
    )


def _served(coercer: Coercer, name: str, item: FrozenMap) -> Served:
    wrong = RESERVED_SEGMENTS & set(name.split("/"))
    if wrong or "" in name.split("/"):
        hint = f"'{min(wrong)}' stands for something else in the protocol" if wrong else "take the extra slash out"
        raise _wrong(coercer, (name,), f"'{name}' can't be a namespace", hint)
    if item["protocol"] == HTTP and item["server"] is not None:
        raise _wrong(coercer, (name, "server"), "over http the files are served by nginx itself", "take `server:` out, or write grpc")
    if item["size"] is not None and (item["server"] is not None or item["protocol"] == HTTP):
        raise _wrong(coercer, (name, "size"), "this size is not in our hands", "only a server that is started here takes a size")
    return Served(
        name=name,
        port=item["port"],
        protocol=item["protocol"],
        size=bytes_of(item["size"]),
        server=item["server"],
        clients=tuple((client, frozenset(rights)) for client, rights in item["clients"].items()),
    )


def _check_ports(coercer: Coercer, namespaces: FrozenMap) -> None:
    taken: dict[int, str] = {}
    for name, item in namespaces.items():
        other = taken.setdefault(item["port"], name)
        if other != name:
            raise _wrong(
                coercer, (name, "port"), f"'{other}' has the port {item['port']}", "a namespace is told by its port: give it another"
            )


def _wrong(coercer: Coercer, path: tuple[Any, ...], message: str, hint: str) -> LoadError:
    return coercer.scope.source.error(coercer.spots["namespaces", *path], message, hint)
