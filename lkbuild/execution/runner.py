"""Runs one action: resolve its inputs, look it up by its key, else run it and keep what it made.

Does not know which actions there are nor in which order they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed, LkbuildError
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.execution.builtins.registry import find_builtin
from lkbuild.execution.capture import capture
from lkbuild.execution.failures import keep_failure
from lkbuild.execution.scratch import Scratch, ScratchPool
from lkbuild.execution.sources import SourceDigests
from lkbuild.execution.staging import stage
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionInfo, ActionResult, EncodedAction, OutputFile, OutputTree, PlannedAction, Resources, Source
from lkbuild.model.artifact import Artifact, Inline, Output, SourceFile
from lkbuild.model.events import ActionProgress, ActionStarted, EventSink
from lkbuild.model.ports import ActionCache, BlobStore, Fetcher, RemoteCache, Sandbox, SandboxRun
from lkbuild.model.tree import File, Layout, Subtree

#: What takes longer is not begun where another process runs it already: its result is waited for.
_WORTH_WAITING_S: Final = 2.0
#: How far an action steps back for one that takes all CPUs, unless it is timed: that one is what everybody waits for, and still leaves a
#: fifth of a CPU (sched(7): 335 to three times 1024) and all that is idle while it links, so that the others are done before it.
_NICE: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """An action's result, its messages by its key, and where the result came from."""

    action: EncodedAction
    result: ActionResult
    source: Source

    @property
    def key(self) -> Digest:
        """The action key."""
        return self.action.key


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerParts:
    """What a runner works with.

    Attributes:
        blobs: where bytes are.
        actions: where results are.
        sandbox: runs commands.
        fetcher: brings bytes from outside.
        sources: digests of workspace files.
        sink: is told.
        scratch: a folder on the store's file system for working directories.
        failures: a folder where what is left of failed actions is kept.
        cpus: how many CPUs an action that wants all of them gets.
        cancelled: whether the user has had enough.
        remote: what others have built; then `blobs` brings from it what is not here.
    """

    blobs: BlobStore
    actions: ActionCache
    sandbox: Sandbox
    fetcher: Fetcher
    sources: SourceDigests
    sink: EventSink
    scratch: Path
    failures: Path
    cpus: int
    cancelled: Callable[[], bool]
    remote: RemoteCache | None = None


class ActionRunner:
    """Runs actions, one call each, from any thread."""

    def __init__(self, parts: RunnerParts) -> None:
        """Make a runner."""
        self._parts = parts
        self._scratch = ScratchPool(parts.scratch)

    def run(self, planned: PlannedAction, made: Callable[[Output], ActionResult], *, forced: bool = False) -> Answer:
        """Bring about an action's result.

        Args:
            planned: the action.
            made: results of the actions that make its inputs.
            forced: run it whatever the cache says.

        Raises:
            BuildFailed: it failed, with the end of its log.
            BlobMissing: the store has lost an input.
        """
        parts = self._parts
        encoded, layout, root = self._encoded(planned, made)
        key = encoded.key
        hit = None if forced else parts.actions.get(key)
        if hit is not None:
            return Answer(encoded, hit, Source.LOCAL_HIT)
        if parts.remote is not None and planned.spec.cacheable and not forced:
            hit = parts.remote.find(encoded, planned.spec.outputs)
            if hit is not None:
                return Answer(encoded, hit, Source.REMOTE_HIT)
        name = timing_name(planned.info)
        seconds = parts.actions.seconds(name)
        if forced or not planned.spec.cacheable or (seconds or planned.info.resources.seconds) < _WORTH_WAITING_S:
            return self._run(planned, encoded, layout, root, seconds)
        with parts.actions.claim(key, parts.cancelled) as waited:
            hit = parts.actions.get(key) if waited else None
            return Answer(encoded, hit, Source.LOCAL_HIT) if hit is not None else self._run(planned, encoded, layout, root, seconds)

    def encode(self, planned: PlannedAction, made: Callable[[Output], ActionResult]) -> EncodedAction:
        """An action whose inputs are known, as a remote knows it; its sources are in the store then. Raises BuildFailed."""
        encoded, layout, _ = self._encoded(planned, made)
        self._ensure_sources(planned, layout)
        return encoded

    def _encoded(self, planned: PlannedAction, made: Callable[[Output], ActionResult]) -> tuple[EncodedAction, Layout, Digest | None]:
        layout = Layout({item.path: self._resolve(item.artifact, made) for item in planned.spec.inputs})
        root = self._root(planned, made)
        action, messages = make_action(planned.spec, layout, root)
        key, own = encode_action(action)
        return EncodedAction(key, {**messages, **own}), layout, root

    def _run(self, planned: PlannedAction, encoded: EncodedAction, layout: Layout, root: Digest | None, expected: float | None) -> Answer:
        parts = self._parts
        parts.sink.emit(ActionStarted(info=planned.info, expected_seconds=expected))
        started = time.monotonic()
        with self._scratch.take() as scratch:
            result = self._execute(planned, layout, root, scratch)
        for data in encoded.messages.values():
            parts.blobs.put_bytes(data)
        seconds = time.monotonic() - started
        result = ActionResult(files=result.files, trees=result.trees, log=result.log, seconds=seconds)
        if planned.spec.cacheable:
            parts.actions.put(encoded.key, result)
        parts.actions.record_seconds(timing_name(planned.info), seconds)
        return Answer(encoded, result, Source.EXECUTED)

    def _resolve(self, artifact: Artifact, made: Callable[[Output], ActionResult]) -> File | Subtree:
        match artifact:
            case SourceFile():
                return self._parts.sources.file(artifact)
            case Inline():
                return File(self._parts.blobs.put_bytes(artifact.data), artifact.executable)
            case Output():
                return _output(artifact, made(artifact))

    def _root(self, planned: PlannedAction, made: Callable[[Output], ActionResult]) -> Digest | None:
        if planned.spec.root is None:
            return None
        found = self._resolve(planned.spec.root, made)
        if not isinstance(found, Subtree):
            raise BuildFailed("the root of an action must be a directory", label=planned.info.label, position=planned.info.position)
        return found.root

    def _execute(self, planned: PlannedAction, layout: Layout, root: Digest | None, scratch: Scratch) -> ActionResult:
        self._ensure_sources(planned, layout)
        self._bring(layout, root)
        try:
            if planned.spec.builtin is not None:
                return _result(self._builtin(planned, layout, scratch.work), None)
            return self._command(planned, layout, root, scratch)
        except LkbuildError as error:
            error.label = error.label or planned.info.label
            raise

    def _builtin(self, planned: PlannedAction, layout: Layout, folder: Path) -> tuple[OutputFile | OutputTree, ...]:
        parts = self._parts
        builtin = find_builtin(planned.spec.builtin or "", planned.spec.arguments[1])
        call = BuiltinCall(
            arguments=planned.spec.arguments[2:],
            inputs=layout.entries,
            outputs=planned.spec.outputs,
            sources=planned.info.sources,
            blobs=parts.blobs,
            fetcher=parts.fetcher,
            scratch=folder,
            progress=lambda done, total: parts.sink.emit(ActionProgress(info=planned.info, done=done, total=total)),
            cancelled=parts.cancelled,
        )
        return builtin(call)

    def _command(self, planned: PlannedAction, layout: Layout, root: Digest | None, scratch: Scratch) -> ActionResult:
        parts, work = self._parts, scratch.work
        request = SandboxRun(
            arguments=planned.spec.arguments,
            environment=planned.spec.environment,
            root=parts.blobs.tree_path(root) if root is not None else None,
            mounts=stage(layout, work, parts.blobs),
            work=work,
            log=scratch.log,
            timeout_s=planned.spec.timeout_s,
            cpus=planned.info.resources.cpus or parts.cpus,
            nice=niceness(planned.info.resources),
            temporary=scratch.temporary,
        )
        for folder in {output.path.rpartition("/")[0] for output in planned.spec.outputs} - {""}:
            (work / folder).mkdir(parents=True, exist_ok=True)
        ended = parts.sandbox.run(request, cancelled=parts.cancelled)
        if ended.exit_code != 0 or ended.reason is not None:
            reason = ended.reason or f"it ended with {ended.exit_code}"
            raise keep_failure(planned, request, reason, parts.sandbox.describe(request), parts.failures)
        try:
            made = capture(planned.spec.outputs, work, parts.blobs)
        except BuildFailed as error:
            raise keep_failure(planned, request, error.message, parts.sandbox.describe(request), parts.failures) from error
        return _result(made, parts.blobs.put_file(request.log) if request.log.exists() else None)

    def _bring(self, layout: Layout, root: Digest | None) -> None:
        """Have what only a remote has, all at once: what it has lost is found missing when it is read."""
        if self._parts.remote is not None:
            leaves = layout.entries.values()
            trees = [leaf.root for leaf in leaves if isinstance(leaf, Subtree)]
            self._parts.remote.bring((leaf.digest for leaf in leaves if isinstance(leaf, File)), trees if root is None else [*trees, root])

    def _ensure_sources(self, planned: PlannedAction, layout: Layout) -> None:
        """Take source files into the store, where they stay what they were when they were hashed."""
        for item in planned.spec.inputs:
            if isinstance(item.artifact, SourceFile):
                leaf = layout.entries[item.path]
                if isinstance(leaf, File) and not self._parts.blobs.has(leaf.digest):
                    stored = self._parts.blobs.put_file(self._parts.sources.path(item.artifact))
                    if stored != leaf.digest:
                        raise _changed(item.artifact, planned.info)


def timing_name(info: ActionInfo) -> str:
    """The name under which the time of an action is remembered."""
    return f"{info.mnemonic} {info.id}"


def leaf_of(result: ActionResult, path: str) -> File | Subtree | None:
    """What a result holds at a path, as a leaf of a layout; None where it holds nothing there."""
    match result.output(path):
        case OutputFile() as file:
            return File(file.digest, file.executable)
        case OutputTree() as tree:
            return Subtree(tree.root)
        case None:
            return None


def niceness(resources: Resources) -> int:
    """How far an action steps back for others, as it declares itself (setpriority(2)): the same whatever else runs."""
    return 0 if resources.timed or resources.cpus == 0 else _NICE


def _output(artifact: Output, result: ActionResult) -> File | Subtree:
    leaf = leaf_of(result, artifact.path)
    if leaf is None:
        raise BuildFailed(f"{artifact.action} has no output {artifact.path}")
    return leaf


def _result(made: tuple[OutputFile | OutputTree, ...], log: Digest | None) -> ActionResult:
    files = tuple(item for item in made if isinstance(item, OutputFile))
    trees = tuple(item for item in made if isinstance(item, OutputTree))
    return ActionResult(files=files, trees=trees, log=log)


def _changed(source: SourceFile, info: ActionInfo) -> BuildFailed:
    return BuildFailed(f"{source.path} changed while it was built", label=info.label, hint="run the build again: nothing wrong was kept")
