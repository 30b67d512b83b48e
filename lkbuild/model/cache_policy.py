"""The policy of the cache: what `cache/cache.yaml` declares. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

READ_BLOBS: Final = "read-blobs"
READ_RESULTS: Final = "read-results"
WRITE_BLOBS: Final = "write-blobs"
WRITE_RESULTS: Final = "write-results"
#: What may be done at a remote: four things apart.
RIGHTS: Final = (READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePolicy:
    """A remote cache and what it is used for.

    Attributes:
        url: where it is.
        rights: of RIGHTS, what we do there.
        timeout_s: a call that makes no progress for so long is given up.
        headers: (name, environment variable that holds its value) of headers sent along.
        token_file: a file with a bearer token, read again when it changes.
        credential_helper: a program that tells headers, by the protocol that Bazel's helpers speak.
        ca, certificate, key: PEM files for TLS. Paths are relative to the workspace, or begin with `/` or `~/`.
        http_digests: how blobs are named over HTTP, which has no negotiation: `sha256` or `blake3`.
    """

    url: str
    rights: frozenset[str]
    timeout_s: int = 30
    http_digests: str = "sha256"
    headers: tuple[tuple[str, str], ...] = ()
    token_file: str | None = None
    credential_helper: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How much the local store may take (None: no limit of that kind; bytes, seconds), and remotes in the order in which they are asked."""

    max_bytes: int | None = None
    max_age_s: int | None = None
    min_free_bytes: int | None = None
    remotes: tuple[RemotePolicy, ...] = ()
