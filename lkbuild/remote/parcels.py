"""What a result takes to be on a server: blobs of the store, messages that are made for it, and entries that name them.

Reads the local store and makes names; sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult, OutputFile
from lkbuild.model.ports import BlobMissing, BlobStore, Publication
from lkbuild.model.tree import Directory
from lkbuild.remote.closures import PATH, encode_closure
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.results import RemoteResult, TreeNames, encode_remote
from lkbuild.remote.trees import encode_tree, ordered
from lkbuild.remote.trust import Signer


@dataclass(slots=True)
class Parcel:
    """What one thing takes that is published.

    Attributes:
        label: what it is called in messages.
        key: of the action.
        result: what the action made.
        stored: blobs of the store, by what the server calls them.
        made: messages, likewise.
        by_action: its entry under the action: (name, message); None for what is no action's.
        by_other: the entry under its recipe, or under the key of a closure.
        recipe: the recipe; None for a closure.
    """

    label: str
    key: Digest
    result: ActionResult
    stored: dict[Name, Digest] = field(default_factory=dict)
    made: dict[Name, bytes] = field(default_factory=dict)
    by_action: tuple[Name, bytes] | None = None
    by_other: tuple[Name, bytes] | None = None
    recipe: Digest | None = None

    def names(self) -> Iterable[Name]:
        """Everything that the server must have before the entries."""
        return (name for name in (*self.stored, *self.made) if name.size)


class Packer:
    """Packs for one server."""

    def __init__(self, local: BlobStore, signer: Signer | None, *, directories: bool) -> None:
        """`directories`: the server wants each directory of a tree as a blob of its own as well."""
        self._local, self._signer, self._keeps_directories = local, signer, directories

    def pack(self, publication: Publication, naming: Naming) -> Parcel | None:
        """What a result takes, or None where its bytes are gone from the store."""
        result = publication.result
        parcel = Parcel(publication.label, publication.action.key, result, recipe=publication.recipe)
        try:
            names = {item.digest: naming.blob(item.digest) for item in result.files}
            if result.log is not None:
                names[result.log] = naming.blob(result.log)
            parcel.stored.update({name: digest for digest, name in names.items()})
            trees = {item.root: self._pack_tree(item.root, naming, parcel) for item in result.trees}
            action, messages = naming.action(publication.action)
        except BlobMissing:
            return None
        recipe, more = naming.recipe(publication.recipe)
        parcel.made.update({**messages, **more})
        found = RemoteResult(key=publication.action.key, result=result, names=names, trees=trees)
        parcel.by_action = (action, self._signed(found, None))
        parcel.by_other = (recipe, self._signed(found, publication.recipe))
        return parcel

    def pack_closure(self, key: Digest, entries: Mapping[Digest, bytes], naming: Naming) -> Parcel:
        """What a closure takes: its blob, which is in the store then, and the entry that names it."""
        digest = self._local.put_bytes(encode_closure(entries))
        name, messages = naming.closure(key)
        result = ActionResult(files=(OutputFile(PATH, digest),))
        found = RemoteResult(key=key, result=result, names={digest: naming.blob(digest)}, trees={})
        return Parcel(
            "closure", key, result, stored={naming.blob(digest): digest}, made=dict(messages), by_other=(name, self._signed(found, key))
        )

    def _signed(self, found: RemoteResult, key: Digest | None) -> bytes:
        """The message of a result, signed for the place where it will be found: in no other it counts."""
        return encode_remote(found if self._signer is None else replace(found, envelope=self._signer.envelope(found, key)))

    def _pack_tree(self, root: Digest, naming: Naming, parcel: Parcel) -> TreeNames:
        of = naming.function.of
        directories = [directory for _, directory in ordered(root, self._directory)]
        ours = [directory.encode() for directory in directories]
        theirs = ours if naming.native else [naming.translated(directory, {}) for directory in directories]
        native, foreign = encode_tree(ours), encode_tree(theirs)
        parcel.made.update({of(native): native, of(foreign): foreign})
        if self._keeps_directories:
            parcel.made.update({of(data): data for data in theirs})
        parcel.stored.update({naming.blob(node.digest): node.digest for directory in directories for node in directory.files})
        return TreeNames(root=of(theirs[0]), tree=of(foreign), native=of(native))

    def _directory(self, digest: Digest) -> Directory:
        return Directory.decode(self._local.get_bytes(digest))
