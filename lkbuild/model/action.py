"""Actions: what runs. Identity (`ActionSpec`, `Action`) is apart from display (`ActionInfo`).

An `ActionSpec` is what analysis emits: inputs are artifacts. When every input's digest is known it becomes an `Action`, which is
exactly a Remote Execution API Action with its Command, and whose digest (lkbuild.keys) is the key everywhere. A *builtin* action is the
same with `lkbuild:<name>` and a version as its first two arguments and no root; it runs in the engine's process.
Nothing here knows how actions are run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import Position
from lkbuild.base.values import dataclass
from lkbuild.model.artifact import ActionId, Artifact

BUILTIN: Final = "lkbuild:"
#: The fixed folder under which every executor places an action's inputs, and its working directory.
WORK_DIRECTORY: Final = "build"


@dataclass(frozen=True, slots=True)
class Input:
    """An artifact and the path, relative to the working directory, where the action finds it."""

    path: str
    artifact: Artifact


@dataclass(frozen=True, slots=True, order=True)
class DeclaredOutput:
    """A path, relative to the working directory, that the action must leave behind: a file, or a directory."""

    path: str
    tree: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """An action before its inputs are known: all of it is identity.

    Attributes:
        arguments: argv; the program is looked up in the root. For a builtin: `lkbuild:<name>`, version, then its arguments.
        environment: sorted (name, value) pairs; nothing else is in the environment but what the sandbox fixes for all.
        inputs: where each artifact goes.
        root: the toolchain tree that becomes / (an output tree), or None for a builtin.
        outputs: what it makes.
        platform: sorted (name, value) pairs of REAPI platform properties, apart from the root.
        timeout_s: it is killed after so many seconds.
        cacheable: False for what must run each time (a failed or interactive thing): REAPI's do_not_cache.
    """

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Input, ...] = ()
    root: Artifact | None = None
    outputs: tuple[DeclaredOutput, ...]
    platform: tuple[tuple[str, str], ...] = ()
    timeout_s: int = 3600
    cacheable: bool = True

    @property
    def builtin(self) -> str | None:
        """The name of the builtin, without prefix, or None for a command."""
        first = self.arguments[0]
        return first.removeprefix(BUILTIN) if first.startswith(BUILTIN) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What an action needs while it runs; the scheduler honours it.

    Attributes:
        cpus: how many it keeps busy; 0: as many as there are. One other may run beside such an action, for the time that it links or
            packs in a single thread; two of them share what there is.
        memory_mib: how much it takes at most; 0 where it is not worth saying. Those that run at once take no more together than there
            is; one that takes more than there is counts as all of it, and runs when no other does that takes any.
        lock: no two actions with the same lock run at once.
        light: it waits (for a server) rather than computes.
        timed: it has time limits inside, as a guest that must be up within a minute: it steps back for no other.
        away: it runs on another machine, and takes nothing of this one.
        seconds: what it may take, for the order of a first build; later ones know what it took.
    """

    cpus: int = 1
    memory_mib: int = 0
    lock: str | None = None
    light: bool = False
    timed: bool = False
    away: bool = False
    seconds: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInfo:
    """What is shown of an action, and how it is scheduled: never part of a key."""

    id: ActionId
    mnemonic: str
    label: str
    message: str = ""
    position: Position | None = None
    resources: Resources = field(default_factory=Resources)
    #: For fetches: where the bytes may come from. The digest is identity, the place is not.
    sources: tuple[str, ...] = ()
    #: False: what it makes depends on what is in no key (the network). It is kept here, and never given to others nor taken from them.
    reproducible: bool = True


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """An action of the graph: what it is, and how it is shown."""

    spec: ActionSpec
    info: ActionInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """REAPI Command: arguments, environment, outputs, platform. Lists are sorted as REAPI wants them."""

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    output_paths: tuple[str, ...]
    platform: tuple[tuple[str, str], ...]
    working_directory: str = WORK_DIRECTORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """REAPI Action: a command, the Merkle tree of its inputs, and what else decides the result."""

    command: Command
    input_root: Digest
    timeout_s: int
    cacheable: bool = True
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class EncodedAction:
    """An action as a remote knows it: its key, and by their digests the messages that it is made of.

    These are the Action, its Command and the Directory messages of the input root; those of trees in it are in the store.
    """

    key: Digest
    messages: Mapping[Digest, bytes]


class Source(Enum):
    """Where a result came from. Each action of a build is in one class of the summary."""

    EXECUTED = "executed"
    LOCAL_HIT = "local_hit"
    REMOTE_HIT = "remote_hit"
    UP_TO_DATE = "up_to_date"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that an action made."""

    path: str
    digest: Digest
    executable: bool = False


@dataclass(frozen=True, slots=True)
class OutputTree:
    """A directory that an action made: the digest of its root Directory message."""

    path: str
    root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an action made. Only results with exit code 0 and all declared outputs are cached.

    `log` is the digest of its combined standard output and error; `seconds` is how long it took, for scheduling and display.
    """

    files: tuple[OutputFile, ...] = ()
    trees: tuple[OutputTree, ...] = ()
    exit_code: int = 0
    log: Digest | None = None
    seconds: float = 0.0

    def output(self, path: str) -> OutputFile | OutputTree | None:
        """The output of that path, or None."""
        every: tuple[OutputFile | OutputTree, ...] = (*self.files, *self.trees)
        return next((item for item in every if item.path == path), None)
