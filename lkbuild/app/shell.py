"""Use case: a shell in the sandbox of an action, its inputs in place: to see what the action sees, and to try its command by hand."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from lkbuild.app.executing import execute
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import Requested
from lkbuild.app.run import prepared
from lkbuild.app.selection import Selected, analyze, select
from lkbuild.app.session import Session, open_session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.errors import UsageError, nearest
from lkbuild.execution.build import Execution
from lkbuild.model.action import PlannedAction
from lkbuild.model.artifact import NamedArtifact
from lkbuild.model.events import EventSink
from lkbuild.model.providers import Runnable
from lkbuild.sandbox.interactive import run_interactive

_SHELL = ("/bin/sh",)


def shell(
    options: BuildOptions, label: str, mnemonic: str | None, command: Sequence[str], sink: EventSink, note: Callable[[str], None]
) -> int:
    """Build what an action needs, and start a shell in its place; the answer is the shell's exit code.

    Args:
        options: as for a build.
        label: one target.
        mnemonic: which of its actions; None: the last that runs a command.
        command: run instead of a shell; empty: /bin/sh of the action's own root.
        sink: is told of the build.
        note: is told the action's own command, before the shell starts.

    Raises:
        UsageError: there is no such action, or it runs in lkbuild's process.
        LkbuildError: what it needs could not be built.
    """
    with open_session(options) as session:
        with building(sink):
            selected = select(session, (label,))
            if len(selected) != 1:
                raise UsageError(f"{label} selects {len(selected)} targets", hint="name one target, for one architecture")
            analyses = analyze(session, selected)
            planned = _choose(label, analyses.by_node[selected[0].node].actions, mnemonic)
            inputs = [NamedArtifact(item.path, item.artifact) for item in planned.spec.inputs]
            root = [NamedArtifact("root", planned.spec.root)] if planned.spec.root is not None else []
            state = WorkspaceState(session.state / "state")
            execution = execute(session, analyses, (Requested(selected[0], (*inputs, *root)),), sink, state)
            for error in execution.errors.values():
                raise error
        return _start(session, selected[0], planned, execution, command, note)


def _choose(label: str, actions: Sequence[PlannedAction], mnemonic: str | None) -> PlannedAction:
    commands = [planned for planned in actions if planned.spec.builtin is None]
    names = list(dict.fromkeys(planned.info.mnemonic for planned in commands))
    if not commands:
        raise UsageError(f"{label} runs no command of its own", hint="`lkbuild query --actions` lists the actions of what it needs")
    if mnemonic is None:
        return commands[-1]
    found = [planned for planned in commands if planned.info.mnemonic == mnemonic]
    if not found:
        raise UsageError(f"{label} has no action '{mnemonic}'", hint=nearest(mnemonic, names) or f"it has: {', '.join(names)}")
    return found[-1]


def _start(
    session: Session,
    selected: Selected,
    planned: PlannedAction,
    execution: Execution,
    command: Sequence[str],
    note: Callable[[str], None],
) -> int:
    spec = replace(planned.spec, arguments=tuple(command) or _SHELL)
    with prepared(session, Runnable(spec=spec), execution, (), {}) as (request, access):
        for output in planned.spec.outputs:
            (request.work / output.path).parent.mkdir(parents=True, exist_ok=True)
        note(f"{selected.text} {planned.info.mnemonic} runs, in /build:\n  {shlex.join(planned.spec.arguments)}")
        note(f"it must make: {', '.join(output.path for output in planned.spec.outputs)}")
        return run_interactive(request, access)
