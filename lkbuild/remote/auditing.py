"""What a remote holds by some recipes, whether or not it counts: who signed it, and why it would be refused. For people who ask.

Nothing of it becomes a result of a build. Knows one remote.
"""

from __future__ import annotations

from collections.abc import Sequence

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.remote.faults import Misbehaved, Untrusted
from lkbuild.remote.peer import Peer
from lkbuild.remote.results import RemoteResult, decode_remote
from lkbuild.remote.signing import decode_envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An entry: the key that it says it is signed with, `ed25519:...`, and why it is refused (None: it counts)."""

    recipe: Digest
    signer: str | None
    refused: str | None


def examine(peer: Peer, recipes: Sequence[Digest]) -> tuple[Finding, ...]:
    """What the remote has by these recipes."""
    decoded: dict[Digest, RemoteResult] = {}
    refused: dict[Digest, str | None] = {}
    signers: dict[Digest, str | None] = {}
    for recipe, data in peer.raw_recipes(recipes).items():
        try:
            found = decode_remote(data)
            if found is None:
                refused[recipe] = "it is not lkbuild's"
                continue
            signers[recipe] = decode_envelope(found.envelope).keyid if found.envelope else None
            peer.check_recipe(recipe, found)
        except (Misbehaved, Untrusted) as fault:
            refused[recipe] = str(fault)
        else:
            decoded[recipe] = found
    whole = peer.whole(decoded)
    refused.update({recipe: None if recipe in whole else "the remote has lost what it names" for recipe in decoded})
    return tuple(Finding(recipe=recipe, signer=signers.get(recipe), refused=reason) for recipe, reason in refused.items())
