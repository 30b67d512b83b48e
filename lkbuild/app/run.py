"""Use case: build a target and start it with the caller's terminal: an image in QEMU, in the sandbox."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.executing import execute
from lkbuild.app.options import BuildOptions
from lkbuild.app.phase import building
from lkbuild.app.request import Requested
from lkbuild.app.selection import Selected, analyze, select
from lkbuild.app.session import Session, open_session
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.errors import UsageError, nearest
from lkbuild.execution.build import Execution
from lkbuild.execution.spares import Spares
from lkbuild.execution.staging import stage
from lkbuild.model.artifact import Artifact, Inline, NamedArtifact, SourceFile
from lkbuild.model.events import EventSink
from lkbuild.model.ports import SandboxRun
from lkbuild.model.providers import Runnable
from lkbuild.model.tree import File, Layout, Subtree
from lkbuild.sandbox.interactive import run_interactive
from lkbuild.sandbox.plan import Access


def run(options: BuildOptions, label: str, arguments: Sequence[str], run_options: Mapping[str, Sequence[str]], sink: EventSink) -> int:
    """Build and start; the answer is the exit code of what ran.

    Args:
        options: as for a build.
        label: one target that can be run.
        arguments: passed on as they are.
        run_options: by name; each value becomes `--name=value`.
        sink: is told of the build.
    """
    with open_session(options) as session:
        with building(sink):
            selected = select(session, (label,))
            if len(selected) != 1:
                raise UsageError(f"{label} selects {len(selected)} targets", hint="name one target, for one architecture")
            analyses = analyze(session, selected)
            runnable, execution = build_runnable(session, analyses, selected[0], sink, run_options)
        with prepared(session, runnable, execution, arguments, run_options) as (request, access):
            return run_interactive(request, access)


def build_runnable(
    session: Session, analyses: Analyses, selected: Selected, sink: EventSink, run_options: Iterable[str]
) -> tuple[Runnable, Execution]:
    """What a target is run by, with everything that it needs for the options of these names.

    Raises UsageError where it can't be run, or not with them, and the error of a failed action.
    """
    runnable = analyses.by_node[selected.node].get(Runnable)
    if runnable is None:
        raise UsageError(f"{selected.text} can't be run", hint="images can; `lkbuild build` makes its files")
    for name in run_options:
        if name not in runnable.options:
            raise UsageError(f"it takes no --{name}", hint=nearest(name, runnable.options) or f"it takes: {', '.join(runnable.options)}")
    files = tuple(NamedArtifact(item.path, item.artifact) for item in runnable.inputs(run_options))
    root = (NamedArtifact("root", runnable.spec.root),) if runnable.spec.root is not None else ()
    state = WorkspaceState(session.state / "state")
    execution = execute(session, analyses, (Requested(selected, (*files, *root)),), sink, state)
    for error in execution.errors.values():
        raise error
    return runnable, execution


@contextlib.contextmanager
def prepared(
    session: Session, runnable: Runnable, execution: Execution, arguments: Sequence[str], run_options: Mapping[str, Sequence[str]]
) -> Iterator[tuple[SandboxRun, Access]]:
    """What to start in the sandbox, laid out in a folder that is there while the block runs. Raises UsageError."""
    words, writable = _words(session, run_options)
    blobs = session.store.blobs
    layout = Layout({item.path: _leaf(item.artifact, session, execution) for item in runnable.inputs(run_options)})
    with tempfile.TemporaryDirectory(prefix="run-", dir=session.store.scratch, ignore_cleanup_errors=True) as folder:
        work = Path(folder) / "build"
        work.mkdir()
        root = _leaf(runnable.spec.root, session, execution) if runnable.spec.root is not None else None
        request = SandboxRun(
            arguments=(*runnable.spec.arguments, *words, *arguments),
            environment=runnable.spec.environment,
            root=blobs.tree_path(root.root) if isinstance(root, Subtree) else None,
            mounts=stage(layout, work, blobs, Spares(f"{folder}/spares")),
            work=work,
            log=Path(folder) / "log",
            timeout_s=runnable.spec.timeout_s,
        )
        yield request, Access(network=runnable.network, terminal=True, devices=runnable.devices, writable=writable)


#: Options whose value names something on the host, and what it may be. What follows a comma goes on as it is.
_ON_HOST = {
    "disk": "a file in a folder that exists",
    "share": "a folder that exists",
    "socket": "a path in a folder that exists",
    "tpm": "a folder",
}
#: Of these it is the folder that is mounted.
_IN_A_FOLDER = ("disk", "socket")


def _words(session: Session, run_options: Mapping[str, Sequence[str]]) -> tuple[list[str], tuple[tuple[Path, str], ...]]:
    """Options as arguments. What lies on the host is mounted, and the argument names it there."""
    words: list[str] = []
    writable: list[tuple[Path, str]] = []
    for name, values in run_options.items():
        for value in values:
            word = value
            if name in _ON_HOST:
                path, comma, rest = value.partition(",")
                host = (session.options.cwd / path).absolute()
                inside = f"/host/{len(writable)}"
                writable.append((_folder(name, host), inside))
                word = (f"{inside}/{host.name}" if name in _IN_A_FOLDER else inside) + comma + rest
                if name == "share" and "tag=" not in rest:
                    word += f",tag={host.name}"
            words.append(f"--{name}={word}")
    return words, tuple(writable)


def _folder(name: str, host: Path) -> Path:
    """The folder to mount for an option. Raises UsageError where there is none."""
    folder = host.parent if name in _IN_A_FOLDER else host
    if name == "tpm" and folder.parent.is_dir():
        folder.mkdir(exist_ok=True)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}", hint=f"--{name} takes {_ON_HOST[name]}")
    return folder


def _leaf(artifact: Artifact, session: Session, execution: Execution) -> File | Subtree:
    if isinstance(artifact, Inline):
        return File(session.store.blobs.put_bytes(artifact.data), artifact.executable)
    if isinstance(artifact, SourceFile):
        source = session.sources.file(artifact)
        session.store.blobs.put_file(session.sources.path(artifact))
        return source
    leaf = execution.leaf_of(artifact)
    if leaf is None:
        msg = f"{artifact} was not built"
        raise AssertionError(msg)  # errors were raised before
    return leaf
