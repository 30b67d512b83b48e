"""The policy of the cache: what `cache/cache.yaml` declares. Values only."""

from __future__ import annotations

import base64
from typing import Final

from lkbuild.base.values import dataclass

READ_BLOBS: Final = "read-blobs"
READ_RESULTS: Final = "read-results"
WRITE_BLOBS: Final = "write-blobs"
WRITE_RESULTS: Final = "write-results"
EXECUTE: Final = "execute"
#: What may be done at a remote: five things apart.
RIGHTS: Final = (READ_BLOBS, READ_RESULTS, WRITE_BLOBS, WRITE_RESULTS, EXECUTE)

#: What is published at a remote with the right to write: what was made of committed files, that only when it is promoted, anything.
COMMITTED: Final = "committed"
PROMOTED: Final = "promoted"
ANYTHING: Final = "any"
PUBLISHED: Final = (COMMITTED, PROMOTED, ANYTHING)

#: Segments that an instance name may not have, since they are parts of resource names (reference/reapi.md 2.2).
RESERVED_SEGMENTS: Final = frozenset(("blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs"))

#: The namespace of remotes and keys that name none.
MAIN: Final = "main"
_ED25519: Final = "ed25519:"


def key_text(public: bytes) -> str:
    """A public key as it is written: `ed25519:` and base64."""
    return _ED25519 + base64.b64encode(public).decode()


def parse_key(text: str) -> bytes:
    """The inverse. Raises ValueError for what is no Ed25519 public key."""
    public = base64.b64decode(text.removeprefix(_ED25519), validate=True)
    if len(public) != 32 or key_text(public) != text:
        raise ValueError("no Ed25519 public key")
    return public


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A builder's public key, 32 bytes of Ed25519, and where and when it counts: from `since` until before `until`, seconds since 1970."""

    name: str
    public: bytes
    namespaces: frozenset[str] = frozenset((MAIN,))
    since: float | None = None
    until: float | None = None
    revoked: bool = False

    def invalid(self, namespace: str | None, now: float) -> str | None:
        """Why it does not count, in words that follow 'which'; None where it does. `namespace` None: in none in particular."""
        if self.revoked:
            return "is revoked"
        if self.since is not None and now < self.since:
            return "is not valid yet"
        if self.until is not None and now >= self.until:
            return "has expired"
        if namespace is not None and namespace not in self.namespaces:
            return f"does not count in the namespace '{namespace}'"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePolicy:
    """A remote cache and what it is used for.

    Attributes:
        url: where it is.
        rights: of RIGHTS, what we do there.
        namespace: what results are signed for, and must be signed for.
        publish: of PUBLISHED, what goes there.
        signed: results count only with the signature of one of the policy's keys.
        timeout_s: a call that makes no progress for so long is given up.
        headers: (name, environment variable that holds its value) of headers sent along.
        token_file: a file with a bearer token, read again when it changes.
        credential_helper: a program that tells headers, by the protocol that Bazel's helpers speak.
        ca, certificate, key: PEM files for TLS. Paths are relative to the workspace, or begin with `/` or `~/`.
        platform: (name, value) of REAPI platform properties that its workers are asked for, in the place of the usual ones; None: those.
        worker_cpus: how many CPUs a command is told to have there; None: nothing is said.
        http_digests: how blobs are named over HTTP, which has no negotiation: `sha256` or `blake3`.
    """

    url: str
    rights: frozenset[str]
    namespace: str = MAIN
    publish: str = COMMITTED
    signed: bool = False
    timeout_s: int = 30
    platform: tuple[tuple[str, str], ...] | None = None
    worker_cpus: int | None = None
    http_digests: str = "sha256"
    headers: tuple[tuple[str, str], ...] = ()
    token_file: str | None = None
    credential_helper: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """How much the local store may take (None: no limit of that kind; bytes, seconds), remotes in the order in which they are asked, and
    whose results count there.
    """

    max_bytes: int | None = None
    max_age_s: int | None = None
    min_free_bytes: int | None = None
    remotes: tuple[RemotePolicy, ...] = ()
    keys: tuple[TrustedKey, ...] = ()
