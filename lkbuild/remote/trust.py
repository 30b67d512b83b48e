"""Whose results count at a remote, and the signing of ours. Raises what is wrong; does not know what comes of it.

Everything that a result is believed for is compared: where it was found, what it is, where it holds, who says so. What a server calls
things is not signed: those are names to ask by, and every byte that comes is checked against its BLAKE3 digest, which is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.cache_policy import TrustedKey, key_text
from lkbuild.remote.faults import Untrusted
from lkbuild.remote.results import RemoteResult
from lkbuild.remote.signing import PAYLOAD_TYPE, SigningKey, Statement, decode_envelope, encode_envelope, encode_statement, is_signed

NO_PACKAGE: Final = "the Python package 'cryptography' is not installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The keys whose results count in a namespace. `now`: seconds since 1970; the time of reading decides, a thief can date back."""

    keys: tuple[TrustedKey, ...]
    namespace: str
    now: Callable[[], float] = time.time

    def check(self, found: RemoteResult, recipe: Digest | None) -> None:
        """Return if a result is one of those that count, found by `recipe`, or by its action.

        Raises:
            Untrusted: with the reason.
        """
        if not found.envelope:
            raise Untrusted("it is not signed")
        envelope = decode_envelope(found.envelope)
        key = next((key for key in self.keys if key_text(key.public) == envelope.keyid), None)
        if key is None:
            raise Untrusted("it is signed with a key that cache/cache.yaml does not list")
        if (reason := key.invalid(self.namespace, self.now())) is not None:
            raise Untrusted(f"it is signed with the key '{key.name}', which {reason}")
        expected = _statement(found, recipe, self.namespace, key.public)
        if envelope.payload_type != PAYLOAD_TYPE or envelope.payload != expected:
            raise Untrusted(f"the key '{key.name}' has signed something else")
        try:
            signed = is_signed(envelope, key.public)
        except ImportError as error:
            raise Untrusted(f"its signature can't be checked: {NO_PACKAGE}") from error
        if not signed:
            raise Untrusted(f"its signature is not that of the key '{key.name}'")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs what we publish in a namespace."""

    key: SigningKey
    namespace: str

    def envelope(self, found: RemoteResult, recipe: Digest | None) -> bytes:
        """The envelope of a result that is to be found by `recipe`, or by its action."""
        return encode_envelope(self.key.sign(_statement(found, recipe, self.namespace, self.key.public())))


def _statement(found: RemoteResult, recipe: Digest | None, namespace: str, builder: bytes) -> bytes:
    return encode_statement(Statement(namespace=namespace, builder=builder, recipe=recipe, key=found.key, result=found.result))
