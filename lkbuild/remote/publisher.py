"""Uploads results to one remote, in the background and in groups: blobs first, what names them last.

Whatever goes wrong costs the upload and nothing else. What the server is known to have is not asked for again in this process. Does not
know who reads it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError
from lkbuild.model.ports import BlobMissing, BlobStore, Publication
from lkbuild.model.tree import Directory
from lkbuild.remote.faults import Fault
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.peer import Peer
from lkbuild.remote.results import RemoteResult, TreeNames, encode_remote
from lkbuild.remote.trees import encode_tree, ordered
from lkbuild.remote.uploading import Uploader

#: So many results at most go up together.
_GROUP: Final = 256
_MOMENT_S: Final = 1.0


@dataclass(slots=True)
class _Parcel:
    """What one result takes: blobs of the store, messages, and the result by the names that it goes under."""

    stored: dict[Name, Digest] = field(default_factory=dict)
    made: dict[Name, bytes] = field(default_factory=dict)
    results: dict[Name, bytes] = field(default_factory=dict)

    def names(self) -> Iterable[Name]:
        """Everything that the server must have before the result."""
        return (name for name in (*self.stored, *self.made) if name.size)


class Publisher:
    """Uploads to one remote with one thread, which starts with the first result."""

    def __init__(self, peer: Peer, local: BlobStore) -> None:
        """Nothing is asked before there is something to upload."""
        self._peer, self._local = peer, local
        self._queue: queue.SimpleQueue[Publication | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._uploader = Uploader(peer.client, local, peer.done)

    def put(self, publication: Publication) -> None:
        """Take a result for upload; returns at once."""
        if self._peer.sealed:
            return
        self._queue.put(publication)
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
        ended = False
        while not ended:
            group: list[Publication] = []
            item = self._queue.get()
            while True:
                if item is None:
                    ended = True
                    break
                group.append(item)
                if len(group) == _GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            try:
                self._upload(group)
            except LkbuildError as error:  # of the local store
                self._peer.guard.tell_once(Fault(error.message))

    def _upload(self, group: Sequence[Publication]) -> None:
        naming = self._peer.ready_to_write() if group else None
        if naming is None:
            return
        parcels = [parcel for publication in group if (parcel := self._pack(publication, naming)) is not None]
        names = {name for parcel in parcels for name in parcel.names()} - self._uploader.present
        missing = self._peer.attempt(lambda: self._peer.client.missing(tuple(names))) if names else set()
        if missing is None:
            return
        missing |= names & self._uploader.lost
        self._uploader.present |= names - missing
        if missing and self._peer.rights.write_blobs:
            stored = {name: digest for parcel in parcels for name, digest in parcel.stored.items() if name in missing}
            made = {name: data for parcel in parcels for name, data in parcel.made.items() if name in missing}
            self._uploader.send({**made, **stored})
        whole = [parcel for parcel in parcels if self._uploader.present.issuperset(parcel.names())]
        results = {key: result for parcel in whole for key, result in parcel.results.items()}
        if results and self._peer.rights.write_results:
            self._peer.done(partial(self._peer.client.put_results, results))

    def _pack(self, publication: Publication, naming: Naming) -> _Parcel | None:
        """What a result takes, or None where its bytes are gone from the store."""
        parcel = _Parcel()
        result = publication.result
        try:
            names = {item.digest: naming.blob(item.digest) for item in result.files}
            if result.log is not None:
                names[result.log] = naming.blob(result.log)
            parcel.stored.update({name: digest for digest, name in names.items()})
            trees = {item.root: self._pack_tree(item.root, naming, parcel) for item in result.trees}
            key, messages = naming.action(publication.action)
        except BlobMissing:
            return None
        recipe, more = naming.recipe(publication.recipe)
        parcel.made.update({**messages, **more})
        found = RemoteResult(key=publication.action.key, result=result, names=names, trees=trees)
        parcel.results = {key: self._signed(found, None), recipe: self._signed(found, publication.recipe)}
        return parcel

    def _signed(self, found: RemoteResult, recipe: Digest | None) -> bytes:
        """The message of a result, signed for the place where it will be found: in no other it counts."""
        signer = self._peer.signer
        return encode_remote(found if signer is None else replace(found, envelope=signer.envelope(found, recipe)))

    def _pack_tree(self, root: Digest, naming: Naming, parcel: _Parcel) -> TreeNames:
        of = naming.function.of
        directories = [directory for _, directory in ordered(root, self._directory)]
        ours = [directory.encode() for directory in directories]
        theirs = ours if naming.native else [naming.translated(directory, {}) for directory in directories]
        native, foreign = encode_tree(ours), encode_tree(theirs)
        parcel.made.update({of(native): native, of(foreign): foreign})
        if self._peer.client.keeps_directories:
            parcel.made.update({of(data): data for data in theirs})
        parcel.stored.update({naming.blob(node.digest): node.digest for directory in directories for node in directory.files})
        return TreeNames(root=of(theirs[0]), tree=of(foreign), native=of(native))

    def _directory(self, digest: Digest) -> Directory:
        return Directory.decode(self._local.get_bytes(digest))
