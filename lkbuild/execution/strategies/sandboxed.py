"""Commands in the sandbox of this machine: stages inputs, runs, captures outputs. Does not know what else could run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.base.values import dataclass
from lkbuild.execution.bringing import bring_inputs
from lkbuild.execution.capture import as_result, capture
from lkbuild.execution.endings import ended_with
from lkbuild.execution.failures import keep_failure
from lkbuild.execution.output import Tail
from lkbuild.execution.scratch import Scratch, ScratchPool
from lkbuild.execution.staging import stage
from lkbuild.model.action import ActionResult, PlannedAction, Resources
from lkbuild.model.ports import CANCELLED, BlobStore, CommandRun, RemoteCache, Sandbox, SandboxRun, nothing, unheard

#: How far an action steps back for one that takes all CPUs, unless it is timed: that one is what everybody waits for, and still leaves a
#: fifth of a CPU (sched(7): 335 to three times 1024) and all that is idle while it links, so that the others are done before it.
_NICE: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandboxed:
    """A Strategy. Safe to use from many threads.

    Attributes:
        sandbox: runs the commands.
        blobs: has the inputs, takes the outputs.
        scratch: working directories.
        failures: a folder where what is left of failed actions is kept.
        cpus: how many CPUs an action that wants all of them gets.
        remote: may have inputs that are not here.
    """

    sandbox: Sandbox
    blobs: BlobStore
    scratch: ScratchPool
    failures: Path
    cpus: int
    remote: RemoteCache | None = None

    def run(
        self,
        command: CommandRun,
        *,
        cancelled: Callable[[], bool],
        running: Callable[[], None] = nothing,
        output: Callable[[bytes], None] = unheard,
    ) -> ActionResult:
        """See Strategy."""
        running()
        bring_inputs(self.remote, command.layout, command.root)
        with self.scratch.take() as scratch:
            request = self._request(command, scratch)
            tail = Tail(request.log, output)

            def ended() -> bool:
                tail.look()  # the sandbox asks this every few hundredths of a second
                return cancelled()

            return self._run(command.planned, request, ended, tail)

    def _request(self, command: CommandRun, scratch: Scratch) -> SandboxRun:
        spec, info = command.planned.spec, command.planned.info
        request = SandboxRun(
            arguments=spec.arguments,
            environment=spec.environment,
            root=self.blobs.tree_path(command.root) if command.root is not None else None,
            mounts=stage(command.layout, scratch.work, self.blobs, scratch.spares),
            work=scratch.work,
            log=scratch.log,
            timeout_s=spec.timeout_s,
            cpus=info.resources.cpus or self.cpus,
            nice=niceness(info.resources),
            temporary=scratch.temporary,
        )
        for folder in {output.path.rpartition("/")[0] for output in spec.outputs} - {""}:
            scratch.spares.make_folder(f"{scratch.work}/{folder}")
        return request

    def _run(self, planned: PlannedAction, request: SandboxRun, cancelled: Callable[[], bool], tail: Tail) -> ActionResult:
        ended = self.sandbox.run(request, cancelled=cancelled)
        tail.end()
        if ended.reason == CANCELLED:
            raise BuildFailed(f"{planned.info.mnemonic} was stopped", label=planned.info.label, position=planned.info.position)
        if ended.exit_code != 0 or ended.reason is not None:
            reason = ended.reason or ended_with(ended.exit_code)
            raise keep_failure(planned, request, reason, self.sandbox.describe(request), self.failures)
        try:
            made = capture(planned.spec.outputs, request.work, self.blobs)
        except BuildFailed as error:
            command = self.sandbox.describe(request)
            raise keep_failure(planned, request, error.message, command, self.failures, advice=error.hint) from error
        return as_result(made, self._log(request.log))

    def _log(self, log: Path) -> Digest | None:
        try:
            size = log.stat().st_size
        except FileNotFoundError:
            return None
        return self.blobs.put_file(log) if size else self.blobs.put_bytes(b"")  # most say nothing


def niceness(resources: Resources) -> int:
    """How far an action steps back for others, as it declares itself (setpriority(2)): the same whatever else runs."""
    return 0 if resources.timed or resources.cpus == 0 else _NICE
