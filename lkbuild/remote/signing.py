"""What a builder signs of a result, and the envelope that it travels in: DSSE with Ed25519. Pure: bytes in, bytes out.

A statement says where a result holds and what it is, in our own names: the same bytes whatever a server calls things. Who checks one makes
the statement that it expects and compares bytes; what a stranger wrote is never parsed. Does not know which keys count
(lkbuild.remote.trust) nor where a private one lies (lkbuild.remote.keyfile).
Source: DSSE 1.0 (github.com/secure-systems-lab/dsse): PAE; io.intoto.Envelope{payload=1, payloadType=2, signatures=3{sig=1, keyid=2}}.
"""

from __future__ import annotations

from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult
from lkbuild.model.cache_policy import key_text
from lkbuild.model.results import encode_result
from lkbuild.model.tree import encode_digest
from lkbuild.remote.faults import Untrusted

PAYLOAD_TYPE: Final = "application/vnd.lkbuild.result.v1+protobuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is signed.

    Attributes:
        namespace: of the policy: what counts in one does not in another.
        builder: the public key of who built it.
        recipe: the recipe that this entry is found by; None: it is found by its action.
        key: the action whose result it is.
        result: paths, digests, executable bits, trees and the log of what it made.
    """

    namespace: str
    builder: bytes
    recipe: Digest | None
    key: Digest
    result: ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Signed bytes. `keyid` is a hint: it is not signed."""

    payload: bytes
    keyid: str
    signature: bytes
    payload_type: str = PAYLOAD_TYPE


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, 32 bytes, that is never shown."""

    seed: bytes

    def __repr__(self) -> str:
        return "SigningKey(***)"

    def public(self) -> bytes:
        """The public half. Raises ImportError where the package `cryptography` is not there."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - only who signs pays for it

        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def sign(self, payload: bytes) -> Envelope:
        """The payload in an envelope of ours. Raises ImportError likewise."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - the same

        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        keyid = key_text(private.public_key().public_bytes_raw())
        return Envelope(payload=payload, keyid=keyid, signature=private.sign(authenticated(PAYLOAD_TYPE, payload)))


def authenticated(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what a signature is of."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def encode_statement(statement: Statement) -> bytes:
    """The canonical message: one statement has one encoding."""
    recipe = wire.message(3, encode_digest(statement.recipe)) if statement.recipe is not None else b""
    return b"".join(
        (
            wire.text(1, statement.namespace),
            wire.message(2, statement.builder),
            recipe,
            wire.message(4, encode_digest(statement.key)),
            wire.message(5, encode_result(statement.result)),
        )
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """The io.intoto.Envelope message."""
    signature = wire.message(1, envelope.signature) + wire.text(2, envelope.keyid)
    return wire.message(1, envelope.payload) + wire.text(2, envelope.payload_type) + wire.message(3, signature)


def decode_envelope(data: bytes) -> Envelope:
    """The inverse. Raises Untrusted for anything that `encode_envelope` does not make: one signature, each field once, in order."""
    try:
        outer = dict(wire.fields(data))
        inner = dict(wire.fields(_bytes(outer[3])))
        envelope = Envelope(
            payload=_bytes(outer[1]),
            payload_type=_bytes(outer[2]).decode(),
            keyid=_bytes(inner[2]).decode(),
            signature=_bytes(inner[1]),
        )
    except (ValueError, KeyError) as error:
        raise Untrusted("its signature is no envelope") from error
    if encode_envelope(envelope) != data:
        raise Untrusted("its signature is no envelope")
    return envelope


def is_signed(envelope: Envelope, public: bytes) -> bool:
    """Whether the signature is that of a key. Raises ImportError where the package `cryptography` is not there."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who checks pays for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - the same

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(envelope.signature, authenticated(envelope.payload_type, envelope.payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise wire.WireError("expected a message")
    return value
