"""Signs what lies on a remote already and counts for nobody, where we have come to the same outputs ourselves. Sends no blob.

What is signed is the entry as it stands there, log and all: only its outputs are compared. Knows one remote, and not why we would sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.ports import BlobMissing, Publication
from lkbuild.remote.faults import Misbehaved, Untrusted
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.peer import Peer
from lkbuild.remote.publisher import difference
from lkbuild.remote.results import RemoteResult, decode_remote, encode_remote
from lkbuild.remote.trust import Signer, Trust


@dataclass(slots=True)
class Countersigned:
    """Of results: those that were signed, those that counted before, those that are others than ours, and those that are not there."""

    signed: int = 0
    present: int = 0
    different: int = 0
    absent: int = 0


def countersign(peer: Peer, trust: Trust, signer: Signer, ours: Sequence[Publication], *, dry: bool) -> Countersigned:
    """Sign those of our results that the remote has. `dry`: only count what would be signed."""
    done = Countersigned()
    naming = peer.ready_to_write()
    if naming is None:
        return done
    named = {item.recipe: dict(_names(item, naming)) for item in ours}
    raw = peer.raw([name for names in named.values() for name in names])
    read: dict[Digest, RemoteResult] = {name: found for name, data in raw.items() if (found := _read(data)) is not None}
    whole = peer.whole(read)
    entries: dict[Name, bytes] = {}
    for item in ours:
        there = {name: (whole[name], recipe) for name, recipe in named[item.recipe].items() if name in whole}
        unlike = next((text for found, _ in there.values() if (text := _unlike(item, found))), None)
        weak = {name: (found, recipe) for name, (found, recipe) in there.items() if not _counts(trust, found, recipe)}
        if not there:
            done.absent += 1
        elif unlike is not None:
            done.different += 1
            peer.report(f"{item.label}: not signed: {unlike}")
        elif not weak:
            done.present += 1
        else:
            done.signed += 1
            signed = {name: replace(found, envelope=signer.envelope(found, recipe)) for name, (found, recipe) in weak.items()}
            entries.update({name: encode_remote(found) for name, found in signed.items()})
    if entries and not dry and not peer.done(partial(peer.client.put_results, entries)):
        done.signed = 0
    return done


def _names(item: Publication, naming: Naming) -> Iterator[tuple[Name, Digest | None]]:
    """What the two entries of a result are found by; what is signed as the recipe of each."""
    yield naming.recipe(item.recipe)[0], item.recipe
    try:
        yield naming.action(item.action)[0], None
    except BlobMissing:  # an input that we do not have any more: the name can't be told, and nobody here asks by it
        return


def _read(data: bytes) -> RemoteResult | None:
    try:
        return decode_remote(data)
    except Misbehaved:
        return None


def _unlike(item: Publication, found: RemoteResult) -> str | None:
    if found.key != item.action.key:
        return f"it is of the action {found.key.short}, and here of {item.action.key.short}"
    return difference(item.result, found.result)


def _counts(trust: Trust, found: RemoteResult, recipe: Digest | None) -> bool:
    try:
        trust.check(found, recipe)
    except Untrusted:
        return False
    return True
