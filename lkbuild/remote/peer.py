"""One remote, as the build sees it: asked by our keys and digests, believed nothing that was not checked, never an obstacle.

Every method answers with what could be had and raises nothing but what the guard's `required` says. Knows one server; which remotes there
are and in which order they are asked is `lkbuild.remote.cache`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.model.action import EncodedAction
from lkbuild.model.ports import BlobMissing, BlobStore, BlobWriter
from lkbuild.model.tree import Directory
from lkbuild.remote.client import Client
from lkbuild.remote.closures import LARGEST, PATH, decode_closure
from lkbuild.remote.connection import Connection
from lkbuild.remote.faults import Denied, Fault, Misbehaved, NotThere, Untrusted
from lkbuild.remote.guard import Guard, Open
from lkbuild.remote.incoming import Incoming, Incomplete, read_whole
from lkbuild.remote.names import Name
from lkbuild.remote.naming import Naming
from lkbuild.remote.results import RemoteResult, TreeNames, decode_remote
from lkbuild.remote.trees import decode_tree, verified
from lkbuild.remote.trust import Signer, Trust

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What this remote is used for: reading and writing, of blobs and of results, apart. `anything`: uncommitted work may go there too."""

    read_results: bool = True
    read_blobs: bool = True
    write_results: bool = True
    write_blobs: bool = True
    anything: bool = False


def nobody(text: str, /) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """Who is told of results: `refused` of each that does not count, instead of the guard; `report` of what is no fault of the remote."""

    refused: Callable[[Untrusted], None] | None = None
    report: Callable[[str], None] = nobody


class Peer:
    """One remote. Safe to use from many threads."""

    def __init__(
        self,
        client: Client,
        guard: Guard,
        local: BlobStore,
        rights: Rights,
        *,
        trust: Trust | None = None,
        signer: Signer | None = None,
        ears: Ears | None = None,
    ) -> None:
        """Nothing is asked before the first question.

        `trust`: whose results count, None: anybody's; `signer` signs what is published; `ears`: who is told of results.
        """
        ears = ears or Ears()
        self.report = ears.report
        #: Entries by what they are found by, as the server has them: whole, and of somebody who counts.
        self.entries: dict[Digest, bytes] = {}
        #: Entries of closures that were read: whether one counts is seen when it is asked for.
        self.closures: dict[Digest, Mapping[Digest, bytes]] = {}
        self._foreseen: dict[Digest, bytes] = {}
        self.client, self.guard, self.rights, self.signer = client, guard, rights, signer
        self._trust, self._refused = trust, ears.refused or guard.tell_once
        self._local = local
        self._connection = Connection(client, guard, local)
        #: Set where the server has said that it takes nothing from us.
        self.sealed = False
        #: Results that it gives are not believed any more: it has lost too much of what they named.
        self.distrusted = False

    # --- finding results --------------------------------------------------------------------------------------------------

    def find_recipes(self, recipes: Sequence[Digest]) -> dict[Digest, RemoteResult]:
        """Results by recipe."""
        naming = self._ready() if self.rights.read_results and not self.distrusted else None
        if naming is None:
            return {}
        found = self._sound({recipe: self._foreseen[recipe] for recipe in recipes if recipe in self._foreseen}, naming, self.check_recipe)
        rest = {recipe: naming.recipe(recipe)[0] for recipe in recipes if recipe not in found}
        return {**found, **self._find(rest, naming, self.check_recipe)}

    def foresee(self, closures: Iterable[Digest]) -> None:
        """Read closures: what they hold is not asked for by recipe any more."""
        naming = self._ready() if self.rights.read_results and self.rights.read_blobs and not self.distrusted else None
        if naming is None:
            return
        found = self._credible(self._ask({key: naming.closure(key)[0] for key in closures}), self._check_closure)
        for answer in found.values():
            naming.learn(answer)
        blobs = {key: answer.result.files[0].digest for key, answer in found.items()}
        self.fetch(self._local.missing(blobs.values()))
        for key, digest in blobs.items():
            try:
                self.closures[key] = decode_closure(self._local.get_bytes(digest))
            except Misbehaved as fault:
                self.guard.tell_once(fault)
            except BlobMissing:
                continue
        for entries in self.closures.values():
            self._foreseen.update(entries)

    def find_named(self, names: Mapping[Digest, Name]) -> dict[Digest, RemoteResult]:
        """Results of actions by what the server calls them, where results may be read."""
        naming = self._ready() if self.rights.read_results and not self.distrusted else None
        return {} if naming is None else self._find(names, naming, self._check_action)

    def find(self, action: EncodedAction) -> RemoteResult | None:
        """The result of an action."""
        naming = self._ready() if self.rights.read_results and not self.distrusted else None
        if naming is None:
            return None
        try:
            name, _ = naming.action(action)
        except BlobMissing:
            return None  # an input that we never had in our hands: this server's name for the action can't be told
        return self._find({action.key: name}, naming, self._check_action).get(action.key)

    def raw_recipes(self, recipes: Sequence[Digest]) -> dict[Digest, bytes]:
        """The messages that it has by these recipes, believed by nobody yet."""
        naming = self._ready()
        return {} if naming is None else self._ask({recipe: naming.recipe(recipe)[0] for recipe in recipes})

    def raw(self, names: Sequence[Name]) -> dict[Name, bytes]:
        """The messages that it has by names of its own, believed by nobody yet."""
        return (self._try(lambda: self.client.results(names)) if names and self._ready() is not None else None) or {}

    def check_recipe(self, recipe: Digest, found: RemoteResult) -> None:
        """Return if a result counts that was found by a recipe. Raises Untrusted."""
        if self._trust is not None:
            self._trust.check(found, recipe)

    def _check_action(self, key: Digest, found: RemoteResult) -> None:
        if found.key != key:
            raise Misbehaved(f"the result of another action than {key.short}")
        if self._trust is not None:
            self._trust.check(found, None)

    def _check_closure(self, key: Digest, found: RemoteResult) -> None:
        files = found.result.files
        if found.key != key or [item.path for item in files] != [PATH] or found.result.trees or files[0].digest.size > LARGEST:
            raise Misbehaved(f"no closure where {key.short} was due")
        if self._trust is not None:
            self._trust.check(found, key)

    def _find(
        self, keys: Mapping[Digest, Name], naming: Naming, check: Callable[[Digest, RemoteResult], None]
    ) -> dict[Digest, RemoteResult]:
        """Results by what they were asked for by; `check` raises Untrusted or Misbehaved for what is not to be believed."""
        return self._sound(self._ask(keys), naming, check)

    def _ask(self, keys: Mapping[Digest, Name]) -> dict[Digest, bytes]:
        """The messages that the server has by these names, by what they are asked for by."""
        raw = (self._try(lambda: self.client.results(tuple(keys.values()))) if keys else None) or {}
        return {key: raw[name] for key, name in keys.items() if name in raw}

    def _sound(
        self, raw: Mapping[Digest, bytes], naming: Naming, check: Callable[[Digest, RemoteResult], None]
    ) -> dict[Digest, RemoteResult]:
        """Of messages by what they were asked for by, those that count and whose blobs the server has."""
        whole = self.whole(self._credible(raw, check))
        for key, result in whole.items():
            naming.learn(result)
            self.entries[key] = raw[key]
        return whole

    def _credible(self, raw: Mapping[Digest, bytes], check: Callable[[Digest, RemoteResult], None]) -> dict[Digest, RemoteResult]:
        found: dict[Digest, RemoteResult] = {}
        for key, data in raw.items():
            try:
                decoded = decode_remote(data)
                if decoded is not None and decoded.result.exit_code == 0:
                    check(key, decoded)
                    found[key] = decoded
            except Misbehaved as fault:
                self.guard.tell_once(fault)
            except Untrusted as fault:
                self._refused(Untrusted(f"a result is not trusted: {fault}"))
        return found

    def whole(self, found: Mapping[Digest, RemoteResult]) -> dict[Digest, RemoteResult]:
        """Those whose blobs the server has: a server may forget what it still has a result of."""
        named = {key: _named(result) for key, result in found.items()}
        every = tuple({name for names in named.values() for name in names})
        if not every:
            return dict(found)
        missing = self._try(lambda: self.client.missing(every))
        if missing is None:
            return {}
        return {key: found[key] for key, names in named.items() if missing.isdisjoint(names)}

    # --- bringing bytes ---------------------------------------------------------------------------------------------------

    def fetch(self, digests: Iterable[Digest]) -> set[Digest]:
        """Bring blobs into the store; those that were brought."""
        naming = self._ready() if self.rights.read_blobs else None
        if naming is None:
            return set()
        named = {digest: name for digest in digests if (name := naming.known(digest)) is not None and digest.size}
        limit = self.client.batch_bytes
        got = self._fetch_small({digest: name for digest, name in named.items() if name.size <= limit}, naming)
        got.update(digest for digest, name in named.items() if name.size > limit and self._fetch_large(digest, name, naming))
        return got

    def _fetch_small(self, wanted: Mapping[Digest, Name], naming: Naming) -> set[Digest]:
        got: set[Digest] = set()
        left: dict[Name, list[Digest]] = {}
        for digest, name in wanted.items():
            left.setdefault(name, []).append(digest)
        before = len(left)

        def bring() -> bool:
            """Store what comes while more is under way: another try asks for the rest."""
            for name, data in self.client.read_batch(tuple(left)):
                got.update(digest for digest in left.pop(name, ()) if self._store(digest, data, naming))
            return True

        def advanced() -> bool:
            nonlocal before
            moved, before = len(left) < before, len(left)
            return moved

        if left:
            self._try(bring, advanced=advanced)
        return got

    def _store(self, digest: Digest, data: bytes, naming: Naming) -> bool:
        if Digest.of(data) != digest:
            self.guard.tell_once(Misbehaved(f"other bytes than those of {digest.short}"))
            return False
        self._local.put_bytes(data)
        if not naming.native:
            naming.record(digest, naming.function.of(data))
        return True

    def _fetch_large(self, digest: Digest, name: Name, naming: Naming) -> bool:
        incoming = Incoming(self.client, name, naming.function)

        def receive(writer: BlobWriter) -> None:
            if self._try(lambda: incoming.into(writer), advanced=incoming.advanced) is None:
                raise Incomplete  # so that nothing of it is kept

        try:
            with self._local.put_stream() as writer:
                receive(writer)
        except Incomplete:
            return False
        if writer.digest != digest:
            self.guard.tell_once(Misbehaved(f"other bytes than those of {digest.short}"))
            return False
        if not naming.native:
            naming.record(digest, Name(Digest(incoming.hasher.hexdigest(), digest.size)))
        return True

    def fetch_tree(self, root: Digest) -> dict[Digest, Directory] | None:
        """Bring the directories of a tree into the store; None where they can't be had. The names of its files are known then."""
        naming = self._ready() if self.rights.read_blobs else None
        names = naming.tree(root) if naming is not None else None
        if naming is None or names is None:
            return None
        return self._try(lambda: self._tree(root, names, naming))

    def _tree(self, root: Digest, names: TreeNames, naming: Naming) -> dict[Digest, Directory]:
        native = decode_tree(read_whole(self.client, names.native, naming.function))
        directories = verified(root, native)
        if not naming.native:
            foreign = decode_tree(read_whole(self.client, names.tree, naming.function))
            if len(foreign) != len(native):
                raise Misbehaved("two trees of one directory that differ")
            for ours, theirs in zip(native, foreign, strict=True):
                _pair(ours, theirs, naming)
        for data in native:
            self._local.put_bytes(data)
        return directories

    # --- the guard --------------------------------------------------------------------------------------------------------

    def ready_to_write(self) -> Naming | None:
        """The names to write under, or None where nothing may be written."""
        if self.sealed or not (self.rights.write_blobs or self.rights.write_results):
            return None
        return self._ready()

    def attempt(self, act: Callable[[], T]) -> T | None:
        """Do something that writes; None where it could not be done. A refusal ends all writing."""
        try:
            return self.guard.ask(act)
        except Denied:
            self.sealed = True
        except Open:
            pass
        except Fault as fault:
            self.guard.tell_once(fault)
        return None

    def done(self, act: Callable[[], None]) -> bool:
        """Do something that writes; whether it could be done."""

        def acted() -> bool:
            act()
            return True

        return self.attempt(acted) is True

    def _ready(self) -> Naming | None:
        """Connected, or None where it can't be."""
        try:
            return self._connection.naming()
        except Open:
            return None
        except Fault as fault:
            self.guard.tell_once(fault)
            return None

    def _try(self, act: Callable[[], T], *, advanced: Callable[[], bool] = lambda: False) -> T | None:
        """Ask for something; None where it can't be had, for whatever reason."""
        try:
            return self.guard.ask(act, advanced=advanced)
        except (Open, NotThere):
            return None
        except Fault as fault:
            self.guard.tell_once(fault)
            return None


def _named(found: RemoteResult) -> set[Name]:
    trees = {name for tree in found.trees.values() for name in (tree.tree, tree.native)}
    return {name for name in (*found.names.values(), *trees) if name.size}


def _pair(ours: bytes, theirs: bytes, naming: Naming) -> None:
    """Learn the names of a directory's files from the same directory in the server's names."""
    try:
        mine, other = Directory.decode(ours), Directory.decode(theirs)
    except (ValueError, KeyError, TypeError) as error:
        raise Misbehaved(f"no directory: {error}") from error
    if [node.name for node in mine.files] != [node.name for node in other.files]:
        raise Misbehaved("two trees of one directory that differ")
    for node, named in zip(mine.files, other.files, strict=True):
        if node.digest.size != named.digest.size:
            raise Misbehaved("two trees of one directory that differ")
        naming.learn_name(node.digest, Name(named.digest))
