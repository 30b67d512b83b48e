"""Use case: why would a target be built again, and why did it run in the last build. Builds nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lkbuild.app.engine import make_loop
from lkbuild.app.event_sinks import Silent
from lkbuild.app.executing import actions_of
from lkbuild.app.explanation import Explainer, Explanation
from lkbuild.app.history import BuildRecord, History
from lkbuild.app.options import BuildOptions
from lkbuild.app.recording import LiveKeys
from lkbuild.app.request import Requested, request
from lkbuild.app.selection import select
from lkbuild.app.session import Session, open_session
from lkbuild.app.settings import make_wish
from lkbuild.app.workspace_state import WorkspaceState
from lkbuild.base.digest import Digest
from lkbuild.base.errors import UsageError
from lkbuild.base.values import dataclass
from lkbuild.execution.plan import Demand
from lkbuild.model.action import Source
from lkbuild.model.artifact import Inline
from lkbuild.model.ports import BlobMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetWhy:
    """A target with the explanations of its actions.

    Attributes:
        label, configuration: which target.
        state: `up_to_date`, `cached` (another key than in the last build, but the cache has it) or `would_run`; of a build that was:
            `ran` or `did_not_run`.
        needed: how many actions the target needs to have looked up or run, its own included.
        explanations: of its actions that are not up to date.
    """

    label: str
    configuration: str
    state: str
    needed: int = 0
    explanations: tuple[Explanation, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "label": self.label,
            "configuration": self.configuration,
            "state": self.state,
            "needed": self.needed,
            "actions": [item.to_json() for item in self.explanations],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBuild:
    """What ran in the last build that looked up or ran anything, and why."""

    id: str
    time: float
    targets: tuple[str, ...]
    counts: dict[str, int]
    explanations: tuple[Explanation, ...]

    def to_json(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "invocation": self.id,
            "time": self.time,
            "targets": list(self.targets),
            "counts": self.counts,
            "actions": [item.to_json() for item in self.explanations],
        }


def why(options: BuildOptions, patterns: Sequence[str]) -> tuple[TargetWhy, ...]:
    """For each target: whether it would run, and what makes it."""
    with open_session(options) as session:
        selected = select(session, patterns)
        analyses, requested = request(session, selected)
        actions = actions_of(analyses)
        recent = WorkspaceState(session.state / "state").recipes
        found = []
        with make_loop(session, Silent()) as loop:
            for item in requested:
                graph, demand = loop.plan(make_wish(session, item.actions(), actions))
                found.append(_target(session, item, LiveKeys(session, analyses, graph), demand, recent))
        return tuple(found)


def last(options: BuildOptions, patterns: Sequence[str]) -> LastBuild:
    """Why actions ran in the last build: all of them, or those of some targets.

    Raises:
        UsageError: no build is recorded, or it had none of the targets.
    """
    with open_session(options) as session:
        history = History(session.state)
        record = history.latest()
        if record is None:
            raise UsageError("no build of this workspace is recorded", hint="build something first")
        owners = {str(item.node) for item in select(session, patterns)} if patterns else None
        if owners is not None and not owners & {entry.owner for entry in record.actions}:
            raise UsageError("the last build had none of these targets", hint=f"it was of {', '.join(record.targets[:5])}")
        explainer = Explainer(history, record, stored(session), before=record.id)
        ran = [entry for entry in record.actions if entry.source in (Source.EXECUTED.value, Source.FAILED.value)]
        chosen = [entry for entry in ran if owners is None or entry.owner in owners]
        return LastBuild(
            id=record.id,
            time=record.time,
            targets=record.targets,
            counts=_counts(record),
            explanations=tuple(map(explainer.explain, chosen)),
        )


def _explainer(session: Session, live: LiveKeys) -> Explainer:
    kept = stored(session)
    written = {
        str(Digest.of(item.artifact.data)): item.artifact.data
        for planned in live.graph.actions.values()
        if planned.info.id in live.graph.recipes
        for item in planned.spec.inputs
        if isinstance(item.artifact, Inline)
    }
    return Explainer(History(session.state), live, lambda digest: written.get(digest) or kept(digest))


def stored(session: Session) -> Callable[[str], bytes | None]:
    """Gives what the store has of a digest as text, or None."""

    def content(digest: str) -> bytes | None:
        try:
            return session.store.blobs.get_bytes(Digest.parse(digest))
        except BlobMissing:
            return None

    return content


def _target(session: Session, item: Requested, live: LiveKeys, demand: Demand, recent: frozenset[str]) -> TargetWhy:
    recipes = live.graph.recipes
    needed = {recipes[action] for action in demand.needed}
    missing = [action for action in item.actions() if recipes[action] in needed]
    changed = [action for action in item.actions() if recipes[action].hash not in recent]
    explainer = _explainer(session, live)
    told = tuple(explainer.explain(live.named(action), cached=not missing) for action in missing or changed)
    if not missing and all(item.reason == "same" for item in told):
        told = ()
    return TargetWhy(
        label=item.selected.text,
        configuration=str(item.selected.node.configuration),
        state="would_run" if missing else "cached" if told else "up_to_date",
        needed=len(demand.needed),
        explanations=told,
    )


def _counts(record: BuildRecord) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in record.actions:
        counts[entry.source] = counts.get(entry.source, 0) + 1
    return counts
