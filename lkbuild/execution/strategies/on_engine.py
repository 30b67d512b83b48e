"""Commands on an engine's workers. Does not know what an engine speaks, nor what happens where it can't be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lkbuild.base.values import dataclass
from lkbuild.execution.capture import as_result
from lkbuild.execution.failures import keep_log
from lkbuild.execution.strategies.worker import Workers, for_worker
from lkbuild.model.action import ActionResult, DeclaredOutput, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore, CommandRun, Engine, EngineResult, EngineRun, nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class OnEngine:
    """A Strategy. Safe to use from many threads.

    Attributes:
        engine: runs them.
        workers: what is asked of its workers.
        blobs: has the inputs, takes the outputs.
        failures: a folder where logs of failed actions are kept.
        fresh: what the engine remembers never counts: anybody may have written it there.
    """

    engine: Engine
    workers: Workers
    blobs: BlobStore
    failures: Path
    fresh: bool = False

    def run(self, command: CommandRun, *, cancelled: Callable[[], bool], running: Callable[[], None] = nothing) -> ActionResult:
        """See Strategy."""
        planned = command.planned
        request = EngineRun(
            action=for_worker(command, self.workers, self.blobs),
            timeout_s=planned.spec.timeout_s,
            fresh=self.fresh or command.fresh,
        )
        ended = self.engine.run(request, cancelled=cancelled, running=running)
        reason = ended.reason or (f"it ended with {ended.exit_code}" if ended.exit_code else None)
        if reason is not None:
            raise keep_log(planned, ended.log, reason, self.failures)
        every: tuple[OutputFile | OutputTree, ...] = (*ended.files, *ended.trees)
        found = {item.path: item for item in every}
        for output in planned.spec.outputs:
            wrong = _wrong(output, found.get(output.path), ended)
            if wrong is not None:
                raise keep_log(planned, ended.log, wrong, self.failures)
        made = tuple(found[output.path] for output in planned.spec.outputs)
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
