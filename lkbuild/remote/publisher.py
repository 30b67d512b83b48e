"""Uploads results to one remote, in the background and in groups: blobs first, what names them last.

Whatever goes wrong costs the upload and nothing else. What the server is known to have is not asked for again in this process. The first
of two results of one action stays: that there is a second is told. Does not know who reads it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore, Closure, Publication
from lkbuild.remote.closures import LARGEST
from lkbuild.remote.faults import Fault
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.parcels import Packer, Parcel
from lkbuild.remote.peer import Peer
from lkbuild.remote.uploading import Uploader

#: So many results at most go up together.
_GROUP: Final = 256
_MOMENT_S: Final = 1.0


@dataclass(slots=True)
class Sent:
    """What went up, or would.

    Attributes:
        results: results of actions that are news there.
        present: those that the server had already, made by somebody who counts.
        different: those that it has another result of, which stays.
        gone: those whose bytes are not in the store any more.
        blobs, size: blobs and messages, and their bytes.
    """

    results: int = 0
    present: int = 0
    different: int = 0
    gone: int = 0
    blobs: int = 0
    size: int = 0


class Publisher:
    """Uploads to one remote with one thread, which starts with the first result."""

    def __init__(self, peer: Peer, local: BlobStore, withheld: Callable[[], bool] = lambda: False, *, dry: bool = False) -> None:
        """Nothing is asked before there is something to upload. `withheld`: nothing may go there now; `dry`: only count what would."""
        self._peer, self._local, self._withheld, self._dry = peer, local, withheld, dry
        self._packer = Packer(local, peer.signer, directories=peer.client.keeps_directories)
        self._queue: queue.SimpleQueue[Publication | Closure | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.sent = Sent()
        self._uploader = Uploader(peer.client, local, peer.done)

    def put(self, item: Publication | Closure) -> None:
        """Take a result for upload, or a closure of results that were taken before; returns at once."""
        if self._peer.sealed:
            return
        self._queue.put(item)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="remote-upload", daemon=True)
                self._thread.start()

    def forget(self, digests: Iterable[Digest]) -> None:
        """The server has lost these, whatever it says: they go up again."""
        naming = self._peer.ready_to_write()
        for digest in digests:
            name = naming.known(digest) if naming is not None else None
            if name is not None:
                self._uploader.forget(name)

    def close(self, waiting: Callable[[], None]) -> None:
        """Return when everything that was taken is up, or has been given up. `waiting` is told when that takes more than a moment."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_MOMENT_S)
            if self._thread.is_alive():
                waiting()
                self._thread.join()
            self._thread = None

    def _run(self) -> None:
        following: list[Publication | Closure | None] = []
        while (item := following.pop() if following else self._queue.get()) is not None:
            try:
                if isinstance(item, Closure):
                    self._upload_closure(item)
                    continue
                group = [item]
                while len(group) < _GROUP and not following and not self._queue.empty():
                    more = self._queue.get()
                    if isinstance(more, Publication):
                        group.append(more)
                    else:
                        following.append(more)
                self._upload(group)
            except LkbuildError as error:  # of the local store
                self._peer.guard.tell_once(Fault(error.message))

    def _upload(self, group: Sequence[Publication]) -> None:
        naming = self._ready()
        if naming is None:
            return
        parcels = [parcel for publication in group if (parcel := self._packer.pack(publication, naming)) is not None]
        self.sent.gone += len(group) - len(parcels)
        there = self._first(parcels)
        for parcel in self._deliver(parcels, there):
            self.sent.present += parcel.key in there
            self.sent.results += parcel.key not in there
            if parcel.recipe is not None and parcel.by_other is not None:
                self._peer.entries[parcel.recipe] = parcel.by_other[1]

    def _upload_closure(self, closure: Closure) -> None:
        """Share what is on the server of a closure, all of it with the signatures that it has there."""
        naming = self._ready()
        if naming is None or not self._peer.rights.write_results or self._dry:
            return
        known = self._peer.entries
        self._peer.find_recipes([recipe for recipe in closure.recipes if recipe not in known])
        entries = {recipe: known[recipe] for recipe in closure.recipes if recipe in known}
        if entries and entries != self._peer.closures.get(closure.key):
            parcel = self._packer.pack_closure(closure.key, entries, naming)
            if all(digest.size <= LARGEST for digest in parcel.stored.values()):
                self._deliver([parcel], {})

    def _ready(self) -> Naming | None:
        naming = self._peer.ready_to_write()
        return None if naming is None or self._withheld() else naming

    def _first(self, parcels: Sequence[Parcel]) -> Mapping[Digest, ActionResult]:
        """The results that the server has of these actions, whole and from somebody who counts: they stay. Another one is told."""
        names = {parcel.key: parcel.by_action[0] for parcel in parcels if parcel.by_action is not None}
        answers = self._peer.find_named(names)
        # One whose bytes are known to be lost, whatever the server says, is nobody's gain.
        found = {key: answer.result for key, answer in answers.items() if self._uploader.lost.isdisjoint(answer.names.values())}
        for parcel in parcels:
            if parcel.key in found and (unlike := difference(parcel.result, found[parcel.key])):
                self.sent.different += 1
                self._peer.report(f"{parcel.label or parcel.key.short}: not reproducible: {unlike}; what was there first stays")
        return found

    def _deliver(self, parcels: Sequence[Parcel], there: Mapping[Digest, ActionResult]) -> list[Parcel]:
        """Send what parcels hold and the server lacks, then their entries; those that are whole on the server then."""
        news = [parcel for parcel in parcels if parcel.key not in there or not difference(parcel.result, there[parcel.key])]
        names = {name for parcel in news for name in parcel.names()} - self._uploader.present
        missing = self._peer.attempt(lambda: self._peer.client.missing(tuple(names))) if names else set()
        if missing is None:
            return []
        missing |= names & self._uploader.lost
        self._uploader.present |= names - missing
        if missing and self._peer.rights.write_blobs:
            self._send(missing, news)
        whole = [parcel for parcel in news if self._uploader.present.issuperset(parcel.names())]
        entries: dict[Name, bytes] = {}
        for parcel in whole:
            if parcel.by_action is not None and parcel.key not in there:
                entries[parcel.by_action[0]] = parcel.by_action[1]
            if parcel.by_other is not None:
                entries[parcel.by_other[0]] = parcel.by_other[1]
        if self._dry:
            return whole
        if not entries or not self._peer.rights.write_results:
            return []
        return whole if self._peer.done(partial(self._peer.client.put_results, entries)) else []

    def _send(self, missing: set[Name], parcels: Iterable[Parcel]) -> None:
        stored = {name: digest for parcel in parcels for name, digest in parcel.stored.items() if name in missing}
        made = {name: data for parcel in parcels for name, data in parcel.made.items() if name in missing and name not in stored}
        sources: dict[Name, Digest | bytes] = {**made, **stored}
        if self._dry:
            self._uploader.present.update(sources)
        else:
            self._uploader.send(sources)
        arrived = self._uploader.present.intersection(sources)
        self.sent.blobs += len(arrived)
        self.sent.size += sum(name.size for name in arrived)


def difference(ours: ActionResult, theirs: ActionResult) -> str | None:
    """The first output in which two results differ, with both digests; None where there is none. Times and logs are no output."""
    every: tuple[OutputFile | OutputTree, ...] = (*ours.files, *ours.trees)
    for item in sorted(every, key=lambda item: item.path):
        other = theirs.output(item.path)
        if item != other:
            return f"{item.path} is {_text(item)} here and {_text(other)} there"
    return None


def _text(item: OutputFile | OutputTree | None) -> str:
    match item:
        case OutputFile():
            return f"{item.digest.hash}{' executable' if item.executable else ''}"
        case OutputTree():
            return item.root.hash
        case None:
            return "nothing"
