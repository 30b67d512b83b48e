"""Runs one action: resolve its inputs, look it up by its key, else run it and keep what it made.

Does not know which actions there are, in which order they run, nor where commands do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed, LkbuildError
from lkbuild.base.values import dataclass
from lkbuild.execution.bringing import bring_inputs
from lkbuild.execution.builtin_call import BuiltinCall
from lkbuild.execution.builtins.registry import find_builtin
from lkbuild.execution.capture import as_result
from lkbuild.execution.output import Lines
from lkbuild.execution.scratch import ScratchPool
from lkbuild.execution.sources import SourceDigests
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionInfo, ActionResult, EncodedAction, OutputFile, OutputTree, PlannedAction, Source
from lkbuild.model.artifact import Artifact, Inline, Output, SourceFile
from lkbuild.model.events import ActionOutput, ActionProgress, ActionStarted, EventSink
from lkbuild.model.ports import ActionCache, BlobStore, CommandRun, Fetcher, ImageBuilder, RemoteCache, Strategy
from lkbuild.model.tree import File, Layout, Subtree

#: What takes longer is not begun where another process runs it already: its result is waited for.
_WORTH_WAITING_S: Final = 2.0


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
        strategy: brings commands about.
        images: builds Dockerfiles.
        fetcher: brings bytes from outside.
        sources: digests of workspace files.
        sink: is told.
        scratch: working directories on the store's file system.
        cancelled: whether the user has had enough.
        remote: what others have built; then `blobs` brings from it what is not here.
    """

    blobs: BlobStore
    actions: ActionCache
    strategy: Strategy
    images: ImageBuilder
    fetcher: Fetcher
    sources: SourceDigests
    sink: EventSink
    scratch: ScratchPool
    cancelled: Callable[[], bool]
    remote: RemoteCache | None = None


class ActionRunner:
    """Runs actions, one call each, from any thread."""

    def __init__(self, parts: RunnerParts) -> None:
        """Make a runner."""
        self._parts = parts

    def run(
        self,
        planned: PlannedAction,
        made: Callable[[Output], ActionResult],
        *,
        seconds: float | None = None,
        forced: bool = False,
        private: bool = False,
    ) -> Answer:
        """Bring about an action's result.

        Args:
            planned: the action.
            made: results of the actions that make its inputs.
            seconds: what it took the last time.
            forced: run it whatever the cache says.
            private: nobody else is asked for it.

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
        if parts.remote is not None and planned.spec.cacheable and not forced and not private:
            hit = parts.remote.find(encoded, planned.spec.outputs)
            if hit is not None:
                return Answer(encoded, hit, Source.REMOTE_HIT)
        command = CommandRun(planned=planned, action=encoded, layout=layout, root=root, fresh=forced)
        if forced or not planned.spec.cacheable or (seconds or planned.info.resources.seconds) < _WORTH_WAITING_S:
            return self._run(command, seconds)
        with parts.actions.claim(key, parts.cancelled) as waited:
            hit = parts.actions.get(key) if waited else None
            return Answer(encoded, hit, Source.LOCAL_HIT) if hit is not None else self._run(command, seconds)

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

    def _run(self, command: CommandRun, expected: float | None) -> Answer:
        parts, planned = self._parts, command.planned
        parts.sink.emit(ActionStarted(info=planned.info, expected_seconds=expected))
        started = time.monotonic()
        result = self._execute(command)
        seconds = result.seconds or time.monotonic() - started
        result = ActionResult(files=result.files, trees=result.trees, log=result.log, seconds=seconds)
        if planned.spec.cacheable:
            parts.actions.put(command.action.key, result)
        parts.actions.record_seconds(timing_name(planned.info), seconds)
        return Answer(command.action, result, Source.EXECUTED)

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

    def _execute(self, command: CommandRun) -> ActionResult:
        planned = command.planned
        self._ensure_sources(planned, command.layout)
        try:
            if planned.spec.builtin is None:
                return self._command(command)
            bring_inputs(self._parts.remote, command.layout, command.root)
            with self._parts.scratch.take() as scratch:
                return as_result(self._builtin(command, scratch.work))
        except LkbuildError as error:
            error.label = error.label or planned.info.label
            raise

    def _command(self, command: CommandRun) -> ActionResult:
        parts, info = self._parts, command.planned.info
        lines = Lines(lambda lines: parts.sink.emit(ActionOutput(info=info, lines=lines)))
        try:
            return parts.strategy.run(command, cancelled=parts.cancelled, output=lines.add)
        finally:
            lines.end()

    def _builtin(self, command: CommandRun, folder: Path) -> tuple[OutputFile | OutputTree, ...]:
        parts, planned = self._parts, command.planned
        builtin = find_builtin(planned.spec.builtin or "", planned.spec.arguments[1])
        call = BuiltinCall(
            arguments=planned.spec.arguments[2:],
            inputs=command.layout.entries,
            outputs=planned.spec.outputs,
            sources=planned.info.sources,
            blobs=parts.blobs,
            fetcher=parts.fetcher,
            scratch=folder,
            progress=lambda done, total: parts.sink.emit(ActionProgress(info=planned.info, done=done, total=total)),
            cancelled=parts.cancelled,
            images=parts.images,
            timeout_s=planned.spec.timeout_s,
            fresh=command.fresh,
        )
        return builtin(call)

    def _ensure_sources(self, planned: PlannedAction, layout: Layout) -> None:
        """Take source files into the store, where they stay what they were when they were hashed."""
        sources: dict[Digest, SourceFile] = {}
        for item in planned.spec.inputs:
            leaf = layout.entries[item.path]
            if isinstance(item.artifact, SourceFile) and isinstance(leaf, File):
                sources[leaf.digest] = item.artifact
        for digest in self._parts.blobs.missing(sources) if sources else ():
            if self._parts.blobs.put_file(self._parts.sources.path(sources[digest])) != digest:
                raise _changed(sources[digest], planned.info)


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


def _output(artifact: Output, result: ActionResult) -> File | Subtree:
    leaf = leaf_of(result, artifact.path)
    if leaf is None:
        raise BuildFailed(f"{artifact.action} has no output {artifact.path}")
    return leaf


def _changed(source: SourceFile, info: ActionInfo) -> BuildFailed:
    return BuildFailed(f"{source.path} changed while it was built", label=info.label, hint="run the build again: nothing wrong was kept")
