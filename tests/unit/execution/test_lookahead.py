"""Remotes are asked from the top, in batches that grow: few questions, and few answers that nobody needed."""

from __future__ import annotations

import pytest

from lkbuild.base.digest import Digest
from lkbuild.execution.lookahead import Ahead, demand_with_remote
from lkbuild.execution.plan import build_graph
from lkbuild.model.action import ActionInfo, ActionResult, ActionSpec, DeclaredOutput, Input, PlannedAction
from lkbuild.model.artifact import ActionId, Output
from lkbuild.model.ports import CachedResult

OUTPUTS = (DeclaredOutput("out"),)


def identity(index):
    return ActionId("//:chain", index)


def chain(length, *, uncacheable=()):
    """Action 0 is at the foot, each other takes the one before it."""
    actions = {}
    for index in range(length):
        inputs = (Input("in", Output(identity(index - 1), "out")),) if index else ()
        spec = ActionSpec(arguments=("step", str(index)), inputs=inputs, outputs=OUTPUTS, cacheable=index not in uncacheable)
        actions[identity(index)] = PlannedAction(spec, ActionInfo(id=identity(index), mnemonic="step", label="//:chain"))
    return build_graph([identity(length - 1)], actions, lambda source: pytest.fail("there is no source"))


class Known:
    """A cache that knows some recipes, and remembers what it was asked."""

    def __init__(self, recipes=()):
        self.recipes = set(recipes)
        self.questions = []
        self.foreseen = []

    def get_recipes(self, recipes):
        asked = list(recipes)
        self.questions.append(asked)
        return {recipe: CachedResult(Digest.of(b"key"), ActionResult()) for recipe in asked if recipe in self.recipes}

    find_recipes = get_recipes

    def foresee(self, closures):
        self.foreseen.append((len(self.questions), closures))


CLOSURES = (Digest.of(b"closure"),)


def search(graph, length, local, remote):
    return demand_with_remote(graph, [identity(length - 1)], local, Ahead(remote, CLOSURES), forced=frozenset())


def test_a_target_that_somebody_has_costs_one_question():
    graph = chain(100)
    remote = Known(graph.recipes.values())
    found = search(graph, 100, Known(), remote)
    assert found.needed == []
    assert found.remote == {graph.recipes[identity(99)]}
    assert remote.questions == [[graph.recipes[identity(99)]]]


def test_a_target_that_is_here_costs_none():
    graph = chain(100)
    remote = Known()
    found = search(graph, 100, Known([graph.recipes[identity(99)]]), remote)
    assert (found.needed, found.remote, remote.questions) == ([], set(), [])


def test_a_deep_change_costs_the_logarithm_of_its_depth():
    graph = chain(100)
    remote = Known([graph.recipes[identity(9)]])  # all above the tenth is new
    found = search(graph, 100, Known(), remote)
    assert found.needed == [identity(index) for index in range(10, 100)]
    assert found.remote == {graph.recipes[identity(9)]}
    assert len(remote.questions) == 7
    asked = [recipe for question in remote.questions for recipe in question]
    assert len(asked) == len(set(asked)) <= 100


def test_closures_are_read_once_before_many_recipes_are_asked_for():
    remote = Known()
    search(chain(100), 100, Known(), remote)
    ((number, closures),) = remote.foreseen
    assert closures == CLOSURES
    assert max(map(len, remote.questions[:number])) <= 8 < len(remote.questions[number])


def test_closures_are_not_read_for_a_few_recipes():
    remote = Known()
    search(chain(12), 12, Known(), remote)
    assert remote.foreseen == []


def test_what_is_never_cached_is_not_asked_for():
    graph = chain(3, uncacheable={2})
    remote = Known()
    found = search(graph, 3, Known(), remote)
    assert found.needed == [identity(0), identity(1), identity(2)]
    assert graph.recipes[identity(2)] not in [recipe for question in remote.questions for recipe in question]
