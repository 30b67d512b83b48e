"""Several remotes as one cache: asked in order, written by right. The one thing of this layer that a build sees.

Turns what the peers had to say into misses, and into errors only where the user said that remotes are required. Does not know what speaks
to a server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from lkbuild.base import wire
from lkbuild.base.digest import EMPTY, Digest
from lkbuild.base.errors import LkbuildError, RemoteFailed, Untrusted
from lkbuild.model.action import ActionResult, DeclaredOutput, EncodedAction
from lkbuild.model.ports import BlobMissing, BlobStore, CachedResult, Closure, Publication, RemoteUse
from lkbuild.model.tree import Directory
from lkbuild.remote.peer import Peer
from lkbuild.remote.publisher import Publisher
from lkbuild.remote.tally import Tally


class Complaints:
    """What went wrong, for who requires that nothing does."""

    def __init__(self) -> None:
        self._first: LkbuildError | None = None

    def add(self, text: str) -> None:
        """Something went wrong."""
        self._first = self._first or RemoteFailed(text, hint="without --remote-required the build goes on without it")

    def refuse(self, text: str) -> None:
        """A result is not trusted."""
        self._first = self._first or Untrusted(text, hint="without --trust=strict it is a miss, and built here")

    def check(self) -> None:
        """Raise RemoteFailed or Untrusted for the first of them."""
        if self._first is not None:
            raise self._first


class Remotes:
    """The remotes of one build: a RemoteCache. Safe to use from many threads."""

    def __init__(
        self,
        peers: Sequence[Peer],
        local: BlobStore,
        tallies: Sequence[Tally],
        required: Complaints | None = None,
        withheld: Callable[[], bool] = lambda: False,
    ) -> None:
        """`tallies`: what each peer counts in. `required`: where their complaints go, if they are to be errors.

        `withheld`: whether what is built is not to be shared, except with peers that take anything; asked when something is.
        """
        self._tallies = tuple(tallies)
        self._peers, self._local = peers, local
        writable = [peer for peer in peers if peer.rights.write_results or peer.rights.write_blobs]
        self._publishers = [Publisher(peer, local) if peer.rights.anything else Publisher(peer, local, withheld) for peer in writable]
        self._required = required or Complaints()
        #: Trees that a result of a remote has named: only of these it is not known whether the store has all of them.
        self._foreign: set[Digest] = set()
        # One at a time: two actions that need the same blob must not both download it, and one transfer fills a line.
        self._bringing = threading.Lock()

    def find_recipes(self, wanted: Mapping[Digest, tuple[DeclaredOutput, ...]]) -> dict[Digest, CachedResult]:
        """See RemoteCache."""
        found: dict[Digest, CachedResult] = {}
        for peer, tally in zip(self._peers, self._tallies, strict=True):
            rest = [recipe for recipe in wanted if recipe not in found]
            if not rest:
                break
            answers = peer.find_recipes(rest)
            good = {recipe: answer for recipe, answer in answers.items() if _declared(answer.result, wanted[recipe])}
            tally.found(hits=len(good), asked=len(rest))
            for recipe, answer in good.items():
                found[recipe] = CachedResult(answer.key, answer.result)
                self._note(answer.result)
        self._required.check()
        return found

    def foresee(self, closures: Iterable[Digest]) -> None:
        """See RemoteCache."""
        wanted = tuple(closures)
        for peer in self._peers:
            peer.foresee(wanted)
        self._required.check()

    def find(self, action: EncodedAction, outputs: tuple[DeclaredOutput, ...]) -> ActionResult | None:
        """See RemoteCache."""
        for peer, tally in zip(self._peers, self._tallies, strict=True):
            answer = peer.find(action)
            good = answer is not None and _declared(answer.result, outputs)
            tally.found(hits=int(good), asked=1)
            if answer is not None and good:
                self._note(answer.result)
                return answer.result
        self._required.check()
        return None

    def bring(self, files: Iterable[Digest], trees: Iterable[Digest]) -> set[Digest]:
        """See RemoteCache."""
        wanted = set(files)
        foreign = [root for root in trees if root in self._foreign]
        with self._bringing:
            below = {root: self._tree_files(root) for root in foreign}
            every = wanted.union(*(files for files in below.values() if files is not None))
            missing = self._local.missing(every) if every else set()
            if EMPTY in missing:  # no server need have it
                missing.discard(self._local.put_bytes(b""))
            for peer in self._peers:
                if missing:
                    missing -= peer.fetch(missing)
        lost = {root for root, files in below.items() if files is None or not missing.isdisjoint(files)}
        self._foreign.difference_update(set(foreign) - lost)
        if missing or lost:
            for publisher in self._publishers:
                publisher.forget(missing | lost)
        self._required.check()
        return (missing & wanted) | lost

    def publish(self, publication: Publication) -> None:
        """See RemoteCache."""
        for publisher in self._publishers:
            publisher.put(publication)

    def publish_closure(self, closure: Closure) -> None:
        """See RemoteCache."""
        for publisher in self._publishers:
            publisher.put(closure)

    def distrust(self) -> None:
        """See RemoteCache."""
        for peer in self._peers:
            peer.distrusted = True

    def use(self) -> RemoteUse:
        """See RemoteCache."""
        return RemoteUse(tuple(tally.use() for tally in {id(tally): tally for tally in self._tallies}.values()))

    def close(self, waiting: Callable[[], None] = lambda: None) -> None:
        """Wait for the uploads (`waiting` is told when that takes more than a moment), then end all connections.

        Raises:
            RemoteFailed: remotes are required and something went wrong.
        """
        try:
            for publisher in self._publishers:
                publisher.close(waiting)
        finally:
            for peer in self._peers:
                peer.client.close()
        self._required.check()

    def _note(self, result: ActionResult) -> None:
        self._foreign.update(item.root for item in result.trees)

    def _tree_files(self, root: Digest) -> set[Digest] | None:
        """Digests of the files of a tree, whose directories are in the store then; None where they can't be had."""
        directories = self._stored_tree(root)
        for peer in self._peers:
            if directories is None:
                directories = peer.fetch_tree(root)
        if directories is None:
            return None
        return {node.digest for directory in directories.values() for node in directory.files}

    def _stored_tree(self, root: Digest) -> dict[Digest, Directory] | None:
        found: dict[Digest, Directory] = {}
        todo = [root]
        try:
            while todo:
                digest = todo.pop()
                if digest not in found:
                    found[digest] = Directory.decode(self._local.get_bytes(digest))
                    todo.extend(node.digest for node in found[digest].directories)
        except (BlobMissing, ValueError, KeyError, wire.WireError):
            return None
        return found


def _declared(result: ActionResult, outputs: tuple[DeclaredOutput, ...]) -> bool:
    """Whether a result has what the action declares and nothing else: a server may say anything."""
    made = {(item.path, False) for item in result.files} | {(item.path, True) for item in result.trees}
    return made == {(output.path, output.tree) for output in outputs} and len(result.files) + len(result.trees) == len(outputs)
