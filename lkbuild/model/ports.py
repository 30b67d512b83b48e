"""Ports: what can be swapped. Small Protocols with the contract in the docstring; each has a conformance suite in tests/conformance.

Nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.model.action import ActionResult, DeclaredOutput, EncodedAction, OutputFile, OutputTree, PlannedAction
from lkbuild.model.tree import Layout


class BlobMissing(LkbuildError):
    """A digest that the store does not hold (any more), or holds damaged: the caller makes the bytes again."""

    exit_code = 36

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"the store does not hold {digest}")
        self.digest = digest


class BlobStore(Protocol):
    """Content-addressed bytes. Safe to use from many threads and processes.

    A put is idempotent, and durable in order: an action result is never found by a process that can't find what it names,
    unless something was deleted or collected since. Reads raise BlobMissing for what is not there.
    """

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are there."""
        ...

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of the digests whose bytes are not there: one query for many."""
        ...

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes."""
        ...

    def put_file(self, path: Path, *, move: bool = False) -> Digest:
        """Store a file's content. With `move` the file may be consumed (renamed into the store)."""
        ...

    def put_stream(self) -> AbstractContextManager[BlobWriter]:
        """A writer for bytes of unknown length: `write(bytes)`, then `digest` once the block has ended well."""
        ...

    def put_parts(self, digests: Sequence[Digest]) -> Digest:
        """Store what stored blobs are one after the other; they need not be stored a second time for it."""
        ...

    def expect_parts(self, digests: Sequence[Digest]) -> None:
        """A `put_parts` that begins with these will come: they may be read meanwhile. Whatever is wrong with them is told by that."""
        ...

    def parts(self, digest: Digest) -> Sequence[Digest]:
        """What stored bytes are one after the other, as `put_parts` was told; the digest alone where they are kept as they are."""
        ...

    def get_bytes(self, digest: Digest) -> bytes:
        """The bytes, verified against the digest."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as an uncompressed stream (`read(n)`, no seek)."""
        ...

    def path_of(self, digest: Digest, *, executable: bool = False) -> Path:
        """A read-only regular file with the bytes uncompressed, to be mounted or hard-linked; never to be written to."""
        ...

    def put_tree(self, path: Path, *, move: bool = False) -> Digest:
        """Store a directory (see lkbuild.model.tree: no owners, only relative links); returns its root's digest.

        With `move` the directory may be renamed into the store as the materialised form of that tree.
        Raises BuildFailed for what a tree can't hold: a device, a socket, an absolute or escaping symbolic link.
        """
        ...

    def tree_path(self, root: Digest) -> Path:
        """A read-only directory with the tree's content, materialised once; never to be written to."""
        ...

    def find_sha256(self, sha256: str) -> Digest | None:
        """The digest of bytes that are stored and known to have this SHA-256 (hexadecimal), or None."""
        ...

    def record_sha256(self, sha256: str, digest: Digest) -> None:
        """Remember a pair of digests of the same bytes, both computed by the caller."""
        ...

    def sha256_of(self, digest: Digest) -> str | None:
        """The SHA-256 (hexadecimal) that was recorded for bytes of this digest, whether or not they are stored; None: not known."""
        ...


class BlobWriter(Protocol):
    """Takes a stream of bytes into a store."""

    def write(self, data: bytes) -> int:
        """Append bytes."""
        ...

    @property
    def digest(self) -> Digest:
        """What was stored: once the context has ended without an error."""
        ...


@dataclass(frozen=True, slots=True)
class CachedResult:
    """An action's result as the cache holds it, with the action key that it belongs to."""

    key: Digest
    result: ActionResult


class ActionCache(Protocol):
    """Results of actions by key, and by recipe key."""

    def get(self, key: Digest) -> ActionResult | None:
        """The result of the action with this key; None where there is none, or where an output of it is gone."""
        ...

    def put(self, key: Digest, result: ActionResult) -> None:
        """Record a result whose outputs are stored. The first writer wins."""
        ...

    def claim(self, key: Digest, cancelled: Callable[[], bool]) -> AbstractContextManager[bool]:
        """The right to run an action while a block does: whoever comes second waits. What the block has put is there for all when it ends.

        Gives whether somebody else had it meanwhile: then there may be a result. Raises Interrupted where `cancelled` says so.
        """
        ...

    def get_recipes(self, recipes: Iterable[Digest]) -> dict[Digest, CachedResult]:
        """Results by recipe key: one query for many."""
        ...

    def put_recipe(self, recipe: Digest, key: Digest) -> None:
        """Record which action key a recipe key came to."""
        ...

    def seconds(self, names: Iterable[str]) -> dict[str, float]:
        """How long the last runs of actions took, by mnemonic and label, as far as that is known: one query for many."""
        ...

    def record_seconds(self, mnemonic_and_label: str, seconds: float) -> None:
        """Remember how long it took."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A result to be shared: `recipe` and `action` are what it is found by; `label` is what it is called in messages."""

    recipe: Digest
    action: EncodedAction
    result: ActionResult
    label: str = ""


@dataclass(frozen=True, slots=True)
class Closure:
    """All that a target needs: the recipes of every action below it, under a key that analysis tells (lkbuild.keys.closure)."""

    key: Digest
    recipes: tuple[Digest, ...]


#: Bounds of the classes in which answers are counted by how long they took, in seconds; what took longer is in one more.
ANSWER_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerUse:
    """What was asked of one remote, and what came of it.

    Attributes:
        url: which one.
        requests, failures: how many there were, and how many of them failed; that something is not there is no failure.
        bytes_up, bytes_down: of their messages.
        hits, misses: results that were asked for.
        answers: how many requests were answered, by how long that took: the classes of ANSWER_SECONDS. Streams are not among them.
        answer_seconds: how long they took together.
    """

    url: str
    requests: int = 0
    failures: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    hits: int = 0
    misses: int = 0
    answers: tuple[int, ...] = (0,) * (len(ANSWER_SECONDS) + 1)
    answer_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RemoteUse:
    """What went over the wire, to all remotes together and to each."""

    remotes: tuple[PeerUse, ...] = ()

    @property
    def round_trips(self) -> int:
        """Requests."""
        return sum(peer.requests for peer in self.remotes)

    @property
    def bytes_up(self) -> int:
        """Bytes of what was sent."""
        return sum(peer.bytes_up for peer in self.remotes)

    @property
    def bytes_down(self) -> int:
        """Bytes of what came."""
        return sum(peer.bytes_down for peer in self.remotes)


class RemoteCache(Protocol):
    """What others have built. Whatever is wrong with it is a miss, told once; only a cache that was said to be required raises.

    A result that it gives may name bytes that only it has: they come by `bring`, or when they are read through the BlobStore that belongs
    to it.
    """

    def find_recipes(self, wanted: Mapping[Digest, tuple[DeclaredOutput, ...]]) -> dict[Digest, CachedResult]:
        """Results by recipe key, with exactly the declared outputs: one question for many."""
        ...

    def foresee(self, closures: Iterable[Digest]) -> None:
        """Look for what was last built of some targets, all at once: it is not asked for again recipe by recipe."""
        ...

    def find(self, action: EncodedAction, outputs: tuple[DeclaredOutput, ...]) -> ActionResult | None:
        """The result of an action, with exactly the declared outputs."""
        ...

    def bring(self, files: Iterable[Digest], trees: Iterable[Digest]) -> set[Digest]:
        """Have these blobs and trees in the store; returns those that are in neither place."""
        ...

    def publish(self, publication: Publication) -> None:
        """Share a result whose outputs are in the store, in the background. The first of two results of one action stays."""
        ...

    def publish_closure(self, closure: Closure) -> None:
        """After results of a target: share what is there of all that it needs, so that others learn it at once."""
        ...

    def distrust(self) -> None:
        """It has lost too much of what it promised: find nothing any more."""
        ...

    def use(self) -> RemoteUse:
        """What went over the wire so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRun:
    """A command to run in a sandbox, with everything it may see.

    Attributes:
        arguments: argv, looked up in the root's PATH.
        environment: all of its environment, beside what the sandbox fixes (HOME, PATH, TMPDIR, LANG, ...).
        root: a directory that becomes /, read-only; None: an empty root (only inputs, /dev, /proc, /tmp).
        mounts: (host path, path below the working directory) of files and directories, read-only.
        work: an empty host directory that becomes the working directory, /build: outputs are found in it afterwards.
        log: host file that takes standard output and error.
        timeout_s: killed after so many seconds.
        cpus: how many CPUs it may use, told as LKBUILD_CPUS.
        nice: how far it steps back for what else runs (setpriority(2)); 0: not at all.
        temporary: an empty host directory on the same disk that becomes /tmp, and is the caller's to empty; None: one is made and removed.
    """

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    root: Path | None
    mounts: tuple[tuple[Path, str], ...]
    work: Path
    log: Path
    timeout_s: int
    cpus: int = 1
    nice: int = 0
    temporary: Path | None = None


#: The reason of what was ended because nobody waits for it any more.
CANCELLED: Final = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxResult:
    """How a sandboxed command ended. `exit_code` is 128 + n for signal n; `reason` says why lkbuild ended it, if it did."""

    exit_code: int
    seconds: float
    reason: str | None = None


class Sandbox(Protocol):
    """Runs commands apart from the host: no network, nothing of the host's files, a fixed environment, uid and host name."""

    def run(self, request: SandboxRun, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """Run to the end. Every process that it started is dead when this returns. Raises HostError where it can't start."""
        ...

    def describe(self, request: SandboxRun) -> str:
        """A shell command line that does the same by hand."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """An image to build of a Dockerfile, with everything that it may see.

    Attributes:
        inputs: names all that goes in: where a byte of it is another, so is this.
        dockerfile: names its bases as `bases` does.
        context: a directory.
        bases: name, image layout (a directory) and digest of the manifest in it.
        arch: what the image is for.
        stage: the target stage; "": the last.
        arguments: build arguments.
        runs: whether programs of that architecture run.
        network: whether they may reach the network.
        fresh: nothing that the engine remembers of earlier builds is taken.
        output: host file that takes the image layout, as a tar with layers that are not compressed.
        log: host file that takes what the engine says.
        timeout_s: stopped after so many seconds.
    """

    inputs: str
    dockerfile: Path
    context: Path
    bases: tuple[tuple[str, Path, str], ...]
    arch: str
    stage: str
    arguments: tuple[tuple[str, str], ...]
    runs: bool
    network: bool
    fresh: bool
    output: Path
    log: Path
    timeout_s: int


class ImageBuilder(Protocol):
    """Builds images of Dockerfiles. Which engine does it is the user's configuration, and in no key."""

    def build(self, request: ImageBuild, *, cancelled: Callable[[], bool]) -> SandboxResult:
        """Build to the end; nothing that it started here is left when this returns. Raises HostError where there is no engine."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """An action that is a command, with its inputs known by digest: where it will run is open.

    Attributes:
        planned: what it is, and how it is shown.
        action: its key and messages, the same wherever it runs.
        layout: its inputs, by their paths below the working directory.
        root: the tree that becomes /; None: an empty one.
        fresh: what an earlier run came to does not count: it is to be run.
    """

    planned: PlannedAction
    action: EncodedAction
    layout: Layout
    root: Digest | None
    fresh: bool = False


def nothing() -> None:
    """Is told, and does nothing."""


def unheard(_data: bytes) -> None:
    """Is given what a command writes, and does nothing."""


class Strategy(Protocol):
    """Brings commands about, somewhere. Which one it is never changes what comes out, and is in no key."""

    def run(
        self,
        command: CommandRun,
        *,
        cancelled: Callable[[], bool],
        running: Callable[[], None] = nothing,
        output: Callable[[bytes], None] = unheard,
    ) -> ActionResult:
        """The result, with exactly the declared outputs, all of it in the store; `running` is called once it runs, and does not only wait.

        `output` gets what the command writes: as it comes where that can be had, else at its end; from any one thread at a time.
        Its `seconds` are those of the command, where they are not those of the call; else 0.
        When `cancelled` says so the command is ended, and this raises. Once it returns, nothing of it runs on this machine any more.

        Raises:
            BuildFailed: the command failed, did not make what it declares, or was stopped: with its label, itself and the end of its log.
            BlobMissing: the store has lost an input.
            RemoteFailed: an engine can't be used; the command is not to blame.
            HostError: this machine can't run it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRun:
    """An action for a worker of an engine.

    Attributes:
        action: everything that the worker must know: the messages that the store does not hold are in it.
        timeout_s: how long the command may take; the time in a queue does not count.
        fresh: what the engine remembers of an earlier run does not count.
    """

    action: EncodedAction
    timeout_s: int
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineResult:
    """How a command ended on a worker. What it made is in the store, under our digests.

    `reason` says why the engine ended it, if it did; `strays` are outputs that no result can hold, such as links; `seconds`: how long the
    command took, without the queue; 0: nobody knows.
    """

    exit_code: int
    files: tuple[OutputFile, ...] = ()
    trees: tuple[OutputTree, ...] = ()
    strays: tuple[str, ...] = ()
    log: bytes = b""
    reason: str | None = None
    seconds: float = 0.0


class Engine(Protocol):
    """Runs actions on other machines. Safe to use from many threads."""

    def run(
        self, request: EngineRun, *, cancelled: Callable[[], bool], running: Callable[[], None], output: Callable[[bytes], None] = unheard
    ) -> EngineResult:
        """Run to the end, through broken connections and restarts. `running` is called once a worker is known to have it.

        `output` gets what the command writes: as it comes where the engine tells, all that was not told before at the end.

        Raises:
            BlobMissing: the store has lost an input.
            RemoteFailed: the engine can't be used, or does not take this action; or `cancelled` said so.
        """
        ...


class Fetcher(Protocol):
    """Brings bytes from outside into the store, verified."""

    def fetch(self, sources: tuple[str, ...], sha256: str, size: int | None, progress: Callable[[int, int | None], None]) -> Digest:
        """Fetch from the first source that has the right bytes. Raises FetchError with both digests and the URL."""
        ...


class TreeReader(Protocol):
    """Walks a stored tree without materialising it."""

    def walk(self, root: Digest) -> Iterator[tuple[str, Digest, bool]]:
        """(path, digest, executable) of every file."""
        ...
