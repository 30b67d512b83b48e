"""What builds leave behind to be explained by: for each of the last builds, the manifests of its actions' keys.

A record is one file, `<state>/builds/<invocation>.keys`: zstd over marshal (the user's own cache folder). Manifests are kept by recipe
key and carried over from the build before as the bytes that they are, so that a record costs what changed. One of a build that looked at
what an edit affects and at nothing else is `<invocation>~<rest>.keys`: it has the actions that are other than in the record `rest`, and
who reads it is given both as one. Damaged or deleted, a build counts as the first one. Does not know how manifests are compared.
"""

from __future__ import annotations

import contextlib
import marshal
from collections.abc import Iterator, Mapping
from dataclasses import field, fields, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Final

from lkbuild.app.options import new_invocation
from lkbuild.base.atomic import write_atomic
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.keys.differences import Manifest
from lkbuild.model.action import Source

FOLDER: Final = "builds"
SUFFIX: Final = ".keys"
#: In a name, between the build and the one whose record has the rest of its actions.
_ON: Final = "~"
#: How many builds are kept.
KEPT: Final = 8
_FORMAT: Final = 2
_LEVEL: Final = 1  # digests don't compress, names do at any level


@dataclass(frozen=True, slots=True)
class Entry:
    """One action of a recorded build.

    Attributes:
        name: of the action within builds: `//p:a (amd64)#0`.
        label, mnemonic, position: for display; position "" where none is known.
        recipe: hash of its recipe key.
        source: the class of the summary that it was in.
        seconds: how long it took, where it ran.
        key: hash of its action key, where it was looked up or ran.
        outputs: `path digest` lines of what it made, where it ran.
    """

    name: str
    label: str
    mnemonic: str
    position: str
    recipe: str
    source: str = ""
    seconds: float = 0.0
    key: str = ""
    outputs: str = ""

    def untouched(self) -> Entry:
        """The same action in a build that found it up to date."""
        return Entry(self.name, self.label, self.mnemonic, self.position, self.recipe, Source.UP_TO_DATE.value)

    @property
    def owner(self) -> str:
        """The node: `//p:a (amd64)`."""
        return self.name.rpartition("#")[0]

    @property
    def text(self) -> str:
        """As progress shows it: `//p:a genrule`."""
        return f"{self.label} {self.mnemonic}"

    @property
    def configuration(self) -> str:
        """What it was built for."""
        return self.owner.rpartition(" (")[2].rstrip(")")

    @property
    def place(self) -> tuple[str, str]:
        """Label and number: what it has in common with itself in another configuration."""
        return self.label, self.name.rpartition("#")[2]


#: An entry as a tuple; dataclasses.astuple copies each value, at fifty times the cost.
_ENTRY: Final = attrgetter(*(item.name for item in fields(Entry)))


@dataclass(frozen=True, kw_only=True)
class BuildRecord:
    """One build. `manifests` and `attributes` (by owner) hold marshalled values.

    `rest`: the record that has its other actions, or ""; `gone`: names of those in it that the build did not have.
    """

    id: str
    time: float
    targets: tuple[str, ...]
    actions: tuple[Entry, ...]
    manifests: Mapping[str, bytes] = field(repr=False)
    attributes_by_owner: Mapping[str, bytes] = field(repr=False)
    rest: str = ""
    gone: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"{self.id}{_ON}{self.rest}{SUFFIX}" if self.rest else f"{self.id}{SUFFIX}"

    def whole(self, rest: BuildRecord) -> BuildRecord:
        """This record with the actions of another that it does not have: they were up to date."""
        own, known = self.by_name, rest.by_name
        old = (own.get(entry.name) or entry.untouched() for entry in rest.actions if entry.name not in self.gone)
        return replace(
            self,
            actions=(*old, *(entry for entry in self.actions if entry.name not in known)),
            manifests={**rest.manifests, **self.manifests},
            attributes_by_owner={**rest.attributes_by_owner, **self.attributes_by_owner},
            rest="",
            gone=(),
        )

    @cached_property
    def by_name(self) -> dict[str, Entry]:
        """Actions by name."""
        return {entry.name: entry for entry in self.actions}

    @cached_property
    def by_recipe(self) -> dict[str, Entry]:
        """The first action of each recipe."""
        return {entry.recipe: entry for entry in reversed(self.actions)}

    @cached_property
    def by_place(self) -> dict[tuple[str, str], Entry]:
        """Actions whatever they were built for."""
        return {entry.place: entry for entry in self.actions}

    def manifest(self, recipe: str) -> Manifest | None:
        """The manifest of a recipe, or None."""
        data = self.manifests.get(recipe)
        return marshal.loads(data) if data is not None else None  # noqa: S302 - the user's own cache folder

    def entry(self, recipe: str) -> Entry | None:
        """The action of a recipe, or None."""
        return self.by_recipe.get(recipe)

    def attributes(self, owner: str) -> Mapping[str, str]:
        """Attributes of a node as text, empty where they are not known."""
        data = self.attributes_by_owner.get(owner)
        return marshal.loads(data) if data is not None else {}  # noqa: S302 - the same

    def save(self, file: Path) -> None:
        """Write it. Raises OSError."""
        import zstandard  # noqa: PLC0415 - a no-op build writes none

        head = (self.id, self.time, self.targets, self.gone, tuple(map(_ENTRY, self.actions)))
        data = marshal.dumps((_FORMAT, head, dict(self.manifests), dict(self.attributes_by_owner)))
        write_atomic(file, zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(data))


def read_record(file: Path) -> BuildRecord | None:
    """A record from a file, as it is there; None where it is damaged, not there or of another version."""
    import zstandard  # noqa: PLC0415 - the same

    try:
        version, head, manifests, attributes = marshal.loads(zstandard.ZstdDecompressor().decompress(file.read_bytes()))  # noqa: S302
        if version != _FORMAT:
            return None
        identity, time, targets, gone, actions = head
        entries = tuple(Entry(*action) for action in actions)
    except (OSError, ValueError, EOFError, TypeError, zstandard.ZstdError):
        return None
    rest = file.name.removesuffix(SUFFIX).partition(_ON)[2]
    return BuildRecord(
        id=identity, time=time, targets=targets, actions=entries, manifests=manifests, attributes_by_owner=attributes, rest=rest, gone=gone
    )


def read_whole(file: Path) -> BuildRecord | None:
    """The same with the actions of the record that it rests on; those that it has itself where that one is gone."""
    record = read_record(file)
    rest = read_record(file.with_name(record.rest + SUFFIX)) if record and record.rest else None
    return record.whole(rest) if record and rest else record


class History:
    """The recorded builds of one workspace, newest first; each is read when it is first looked at."""

    def __init__(self, state: Path) -> None:
        """`state`: the workspace's folder in the cache."""
        self.folder = state / FOLDER
        self._read: dict[Path, BuildRecord | None] = {}

    def files(self) -> list[Path]:
        """Paths of the records, newest first: their names begin with the time."""
        try:
            return sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)
        except OSError:
            return []

    def records(self) -> Iterator[BuildRecord]:
        """The records that can be read, whole."""
        for file in self.files():
            if file not in self._read:
                self._read[file] = read_whole(file)
            found = self._read[file]
            if found is not None:
                yield found

    def latest(self) -> BuildRecord | None:
        """The newest record."""
        return next(self.records(), None)

    def part(self, identity: str) -> BuildRecord | None:
        """The record of a build as it lies there, without what it rests on."""
        return next((read_record(file) for file in self._of(identity)), None)

    def has(self, identity: str) -> bool:
        """Whether there is a record of a build."""
        return bool(self._of(identity))

    def _of(self, identity: str) -> list[Path]:
        return [file for file in self.files() if identity in (file.name, file.name.removesuffix(SUFFIX).partition(_ON)[0])]

    def find(self, name: str, place: tuple[str, str], *, before: str | None = None) -> tuple[BuildRecord, Entry] | None:
        """The newest build that had an action, else the newest that had it in another configuration.

        Only builds older than the one with the id `before`, where that is given.
        """
        other = None
        for record in self.records():
            if before is not None and record.id >= before:
                continue
            if name in record.by_name:
                return record, record.by_name[name]
            if other is None and place in record.by_place:
                other = record, record.by_place[place]
        return other

    def unused(self, identity: str) -> str:
        """This name, or a later one where a build has it: a resident process builds many times under one command line."""
        return new_invocation() if self.has(identity) else identity

    def add(self, record: BuildRecord) -> None:
        """Keep a record, and no more than the newest few and what they rest on.

        A disk that refuses costs the explanation, not the build.
        """
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            record.save(self.folder / record.file_name)
            files = self.files()
            needed = {file.name.removesuffix(SUFFIX).partition(_ON)[2] + SUFFIX for file in files[:KEPT]}
            for file in files[KEPT:]:
                if file.name not in needed:
                    file.unlink(missing_ok=True)

    def build(self, identity: str) -> BuildRecord | None:
        """The record of an invocation id, a prefix of one, or a file. Raises UsageError where several are meant."""
        if "/" in identity or identity.endswith(SUFFIX):
            return read_whole(Path(identity))
        found = [record for record in self.records() if record.id.startswith(identity.partition(_ON)[0])]
        if len(found) > 1:
            raise UsageError(f"{len(found)} builds begin with '{identity}'", hint=", ".join(record.id for record in found))
        return found[0] if found else None
