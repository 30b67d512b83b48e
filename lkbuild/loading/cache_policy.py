"""Reads `cache/cache.yaml`, the committed policy of the cache, as strictly as BUILD.yaml. Does not know how a store collects."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lkbuild.loading.coerce import Coercer, Scope
from lkbuild.loading.disk import DiskFiles
from lkbuild.loading.trusted_keys import KEYS, NAMESPACE, trusted_keys
from lkbuild.model.attrs import Attr, FrozenMap, Integer, ListOf, MapOf, String, Struct
from lkbuild.model.cache_policy import COMMITTED, MAIN, PUBLISHED, READ_BLOBS, READ_RESULTS, RIGHTS, CachePolicy, RemotePolicy, TrustedKey
from lkbuild.syntax.nodes import Fields

POLICY_FILE: Final = "cache/cache.yaml"
_LIMIT: Final = 1 << 20
SIZE: Final = String(pattern=r"[0-9]+[KMGT]?", lenient=True)
_AGE: Final = String(pattern=r"[0-9]+[hd]", lenient=True)
_TIMEOUT: Final = String(pattern=r"[1-9][0-9]*s", lenient=True)
_FIELDS: Final = {
    "store": Attr(
        type=Struct(
            fields={
                "max_size": Attr(type=SIZE, doc="Size cap of the local store: 60G."),
                "max_age": Attr(type=_AGE, doc="What was not used for so long is collected: 60d, 12h."),
                "min_free": Attr(type=SIZE, doc="Floor of free space on the store's file system."),
            }
        ),
        doc="The local store.",
        default={},
        configurable=False,
    ),
    "remotes": Attr(
        type=ListOf(
            item=Struct(
                fields={
                    "url": Attr(type=String(), doc="grpc://HOST:PORT/INSTANCE, grpcs://, unix:/PATH, http://, https://.", required=True),
                    "rights": Attr(
                        type=ListOf(item=String(choices=RIGHTS)),
                        doc="What it is used for; else only for reading.",
                        default=(READ_BLOBS, READ_RESULTS),
                    ),
                    "namespace": Attr(type=NAMESPACE, doc="What results are signed for, and must be signed for.", default=MAIN),
                    "publish": Attr(
                        type=String(choices=PUBLISHED),
                        doc="What may go there: what is made of committed files, that but only by `lkbuild cache promote`, anything.",
                        default=COMMITTED,
                    ),
                    "trust": Attr(
                        type=String(choices=("signed", "any")),
                        doc="Results count only if a key of `keys:` has signed them, or always; else signed, where there are keys.",
                    ),
                    "platform": Attr(
                        type=MapOf(value=String(lenient=True), key_pattern=r"[A-Za-z][A-Za-z0-9_.-]*"),
                        doc="Where it executes: the platform properties that its workers are asked for, instead of the usual ones.",
                    ),
                    "worker_cpus": Attr(type=Integer(minimum=1), doc="Where it executes: the CPUs that a command may use."),
                    "timeout": Attr(type=_TIMEOUT, doc="A call that makes no progress for so long is given up.", default="30s"),
                    "headers": Attr(
                        type=MapOf(value=String(pattern=r"[A-Za-z_][A-Za-z0-9_]*"), key_pattern=r"[A-Za-z][A-Za-z0-9-]*"),
                        doc="Headers to send along, and for each the environment variable that holds its value.",
                        default={},
                    ),
                    "token_file": Attr(type=String(), doc="A file with a bearer token; read again when it changes."),
                    "credential_helper": Attr(type=String(), doc="A program that tells headers, as Bazel's credential helpers do."),
                    "ca": Attr(type=String(), doc="PEM file with the authorities that the server's certificate may come from."),
                    "certificate": Attr(type=String(), doc="PEM file with our certificate."),
                    "key": Attr(type=String(), doc="PEM file with its private key."),
                    "digests": Attr(
                        type=String(choices=("sha256", "blake3")),
                        doc="How blobs are named over HTTP, which can't negotiate it.",
                        default="sha256",
                    ),
                }
            )
        ),
        doc="Remote caches, in the order in which they are asked.",
        default=(),
        configurable=False,
    ),
    "keys": KEYS,
}


def load_cache_policy(root: Path) -> CachePolicy:
    """The policy of a workspace; no limits where it has none. Raises LoadError."""
    files = DiskFiles(root)
    data = files.read(POLICY_FILE, _LIMIT)
    if data is None:
        return CachePolicy()
    from lkbuild.syntax.parser import parse  # noqa: PLC0415 - most workspaces have no policy

    source, node = parse(data, POLICY_FILE)
    if node is None:
        return CachePolicy()
    coercer = Coercer(Scope(source, "", files))
    if not isinstance(node, Fields):
        raise coercer.fail(node, "expected the cache's policy", "write store: and max_size: below it")
    values = coercer.fields(node, _FIELDS, (), what="part of the cache's policy")
    store, keys = values["store"], trusted_keys(coercer, values["keys"])
    return CachePolicy(
        max_bytes=bytes_of(store.get("max_size")),
        max_age_s=_seconds(store.get("max_age")),
        min_free_bytes=bytes_of(store.get("min_free")),
        remotes=tuple(_remote(coercer, index, item, keys) for index, item in enumerate(values["remotes"])),
        keys=keys,
    )


def _remote(coercer: Coercer, index: int, item: FrozenMap, keys: tuple[TrustedKey, ...]) -> RemotePolicy:
    if item["trust"] == "signed" and not keys:
        spot = coercer.spots["remotes", index, "trust"]
        raise coercer.scope.source.error(spot, "nobody is trusted to sign", "list the builders' public keys below `keys:`")
    return RemotePolicy(
        url=item["url"],
        rights=frozenset(item["rights"]),
        namespace=item["namespace"],
        publish=item["publish"],
        signed=bool(keys) and item["trust"] != "any",
        timeout_s=int(item["timeout"].rstrip("s")),
        platform=None if item["platform"] is None else tuple(item["platform"].items()),
        worker_cpus=item["worker_cpus"],
        http_digests=item["digests"],
        headers=tuple(item["headers"].items()),
        token_file=item["token_file"],
        credential_helper=item["credential_helper"],
        ca=item["ca"],
        certificate=item["certificate"],
        key=item["key"],
    )


def bytes_of(text: Any) -> int | None:
    """Bytes of what matches SIZE."""
    if text is None:
        return None
    unit = "KMGT".find(text[-1]) + 1
    return int(text.rstrip("KMGT")) << (10 * unit)


def _seconds(text: Any) -> int | None:
    if text is None:
        return None
    return int(text[:-1]) * {"h": 3600, "d": 86400}[text[-1]]
