"""Use case of `--check`: run what was built once more, and compare. Says which output differs, and from where on.

Checks the actions of the targets that were asked for, not of all that they need: what they need is checked when it is asked for.
Fetches are left out: their digests are in the lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from lkbuild.analysis.analyzer import Analyses
from lkbuild.app.comparison import first_difference
from lkbuild.app.engine import make_loop
from lkbuild.app.session import Session
from lkbuild.app.settings import make_wish
from lkbuild.base.digest import Digest
from lkbuild.base.errors import LkbuildError, NotReproducible
from lkbuild.execution.build import Execution
from lkbuild.model.action import ActionResult, PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.configuration import NodeKey
from lkbuild.model.events import EventSink
from lkbuild.model.ports import BlobStore


def check(
    session: Session, analyses: Analyses, nodes: Sequence[NodeKey], first: Execution, sink: EventSink
) -> tuple[dict[ActionId, LkbuildError], tuple[ActionId, ...]]:
    """Run the actions of some nodes again: an error for each that made something else, and those that ran."""
    owned = {planned.info.id: planned for node in nodes for planned in analyses.by_node[node].actions if not planned.info.sources}
    reached = tuple(action for action in owned if action in first.graph.recipes)
    with make_loop(session, sink) as loop:
        second = loop.execute(make_wish(session, reached, first.graph.actions, forced=frozenset(reached)))
    errors: dict[ActionId, LkbuildError] = dict(second.errors)
    for action in reached:
        recipe = first.graph.recipes[action]
        before, after = first.results.get(recipe) or _built_first(session, recipe), second.results.get(recipe)
        if before is not None and after is not None and (error := _compare(owned[action], before, after, session.store.blobs)):
            errors[action] = error
    return errors, tuple(second.executed)


def _built_first(session: Session, recipe: Digest) -> ActionResult | None:
    """The result of an action that the first run did not have to look at."""
    known = session.store.actions.get_recipes([recipe]).get(recipe)
    return known.result if known else None


def _compare(planned: PlannedAction, before: ActionResult, after: ActionResult, blobs: BlobStore) -> NotReproducible | None:
    for output in planned.spec.outputs:
        old, new = before.output(output.path), after.output(output.path)
        if old == new:
            continue
        where = first_difference(before, after, output.path, blobs)
        return NotReproducible(
            f"{planned.info.mnemonic} made another {output.path} when it ran again",
            label=planned.info.label,
            position=planned.info.position,
            detail=f"  {where}",
            hint="look for times, random numbers, directory order or addresses in what the command writes",
        )
    return None
