"""The critical path of what ran, from measured times: the chain of actions that no number of CPUs would have shortened.

Does not schedule: `lkbuild.execution.scheduler` orders by the expected path, this one tells of the real one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lkbuild.base.digest import Digest
from lkbuild.execution.plan import ActionGraph
from lkbuild.model.action import ActionResult
from lkbuild.model.artifact import ActionId


def measured_path(
    graph: ActionGraph, results: Mapping[Digest, ActionResult], executed: Iterable[ActionId]
) -> tuple[tuple[ActionId, float], ...]:
    """The chain of executed actions with the greatest sum of seconds, first to last; empty where nothing ran.

    Two actions with one recipe ran once: either stands for the other.
    """
    ran = {graph.recipes[action]: action for action in executed}
    if not ran:
        return ()
    length: dict[Digest, float] = {}
    before: dict[Digest, Digest | None] = {}
    for action in graph.order:
        recipe = graph.recipes[action]
        below = max((graph.recipes[need] for need in graph.producers[action]), key=lambda need: length[need], default=None)
        result = results.get(recipe) if recipe in ran else None
        length[recipe] = (length[below] if below else 0.0) + (result.seconds if result else 0.0)
        before[recipe] = below
    chain: list[tuple[ActionId, float]] = []
    here: Digest | None = max(ran, key=lambda recipe: length[recipe])
    while here is not None:
        if here in ran and here in results:
            chain.append((ran[here], results[here].seconds))
        here = before[here]
    return tuple(reversed(chain))
