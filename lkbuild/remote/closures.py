"""A target's closure as one blob: what was made of every action below it, each result as the server keeps it, signature and all. Pure.

Nobody vouches for a closure: each result in it counts as it would where it was published, or does not. One that is old, cut short or made
up by a stranger holds fewer results that count, and no wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lkbuild.base import wire
from lkbuild.base.digest import Digest
from lkbuild.model.tree import decode_digest, encode_digest
from lkbuild.remote.compression import packed, restored
from lkbuild.remote.faults import Misbehaved

#: The path under which a closure's entry names its blob.
PATH: Final = "closure"
#: What one may take, packed and unpacked: 100,000 actions are a third of that.
LARGEST: Final = 64 << 20
_LARGEST_PLAIN: Final = 256 << 20


def encode_closure(entries: Mapping[Digest, bytes]) -> bytes:
    """The blob of some ActionResult messages by their recipes."""
    items = sorted(entries.items(), key=lambda item: item[0].hash)
    return packed(b"".join(wire.message(1, wire.message(1, encode_digest(recipe)) + wire.message(2, data)) for recipe, data in items))


def decode_closure(data: bytes) -> dict[Digest, bytes]:
    """The inverse. Raises Misbehaved for what is none, or too large."""
    plain = b"".join(restored(iter((data,)), _LARGEST_PLAIN))
    entries: dict[Digest, bytes] = {}
    try:
        for number, value in wire.fields(plain):
            if number == 1 and isinstance(value, bytes):
                inner = dict(wire.fields(value))
                recipe, result = inner[1], inner[2]
                if isinstance(recipe, bytes) and isinstance(result, bytes):
                    entries[decode_digest(recipe)] = result
    except (ValueError, KeyError) as error:
        raise Misbehaved(f"no closure: {error}") from error
    return entries
