"""Commands on an engine's workers. Does not know what an engine speaks, nor what happens where it can't be used."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lkbuild.base.values import dataclass
from lkbuild.execution.capture import as_result
from lkbuild.execution.endings import ended_with
from lkbuild.execution.failures import keep_log
from lkbuild.execution.strategies.worker import Workers, for_worker
from lkbuild.model.action import ActionResult, DeclaredOutput, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore, CommandRun, Engine, EngineResult, EngineRun, nothing, unheard


class Waiting:
    """Tells once, where commands wait and none has run yet: an engine that has no worker for them says nothing. Safe for many threads."""

    def __init__(self, tell: Callable[[], None], after_s: float) -> None:
        """`tell` is called when the first has waited for so long."""
        self._tell, self._after = tell, after_s
        self._guard = threading.Lock()
        self._known = False

    @contextlib.contextmanager
    def over(self, running: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Look at the clock for the length of a block; what is to be called when the command runs."""
        timer = threading.Timer(self._after, self._say)
        timer.daemon = True
        if not self._known:
            timer.start()

        def begun() -> None:
            self._known = True
            running()

        try:
            yield begun
        finally:
            timer.cancel()

    def _say(self) -> None:
        with self._guard:
            known, self._known = self._known, True
        if not known:
            self._tell()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnEngine:
    """A Strategy. Safe to use from many threads.

    Attributes:
        engine: runs them.
        workers: what is asked of its workers.
        blobs: has the inputs, takes the outputs.
        failures: a folder where logs of failed actions are kept.
        fresh: what the engine remembers never counts: anybody may have written it there.
        waiting: tells when no worker takes what waits.
    """

    engine: Engine
    workers: Workers
    blobs: BlobStore
    failures: Path
    fresh: bool = False
    waiting: Waiting | None = None

    def run(
        self,
        command: CommandRun,
        *,
        cancelled: Callable[[], bool],
        running: Callable[[], None] = nothing,
        output: Callable[[bytes], None] = unheard,
    ) -> ActionResult:
        """See Strategy."""
        planned = command.planned
        request = EngineRun(
            action=for_worker(command, self.workers, self.blobs),
            timeout_s=planned.spec.timeout_s,
            fresh=self.fresh or command.fresh,
        )
        with contextlib.nullcontext(running) if self.waiting is None else self.waiting.over(running) as begun:
            ended = self.engine.run(request, cancelled=cancelled, running=begun, output=output)
        reason = ended.reason or (ended_with(ended.exit_code) if ended.exit_code else None)
        if reason is not None:
            raise keep_log(planned, ended.log, reason, self.failures)
        every: tuple[OutputFile | OutputTree, ...] = (*ended.files, *ended.trees)
        found = {item.path: item for item in every}
        for declared in planned.spec.outputs:
            wrong = _wrong(declared, found.get(declared.path), ended)
            if wrong is not None:
                raise keep_log(planned, ended.log, wrong, self.failures)
        made = tuple(found[declared.path] for declared in planned.spec.outputs)
        return as_result(made, self.blobs.put_bytes(ended.log), ended.seconds)


def _wrong(output: DeclaredOutput, made: OutputFile | OutputTree | None, ended: EngineResult) -> str | None:
    """What is wrong with an output, in the words that the sandbox has for it; None: nothing."""
    if isinstance(made, OutputTree if output.tree else OutputFile):
        return None
    if output.tree:
        return f"the action did not make the directory {output.path}"
    if made is not None or output.path in ended.strays:
        return f"{output.path} is not a regular file"
    return f"the action did not make {output.path}"
