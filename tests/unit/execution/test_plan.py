"""The plan: recipes bottom up, lookups top down, and no further than needed."""

import pytest

from lkbuild.base.checkpoint import checkpoint
from lkbuild.base.digest import Digest
from lkbuild.base.errors import Interrupted
from lkbuild.execution.plan import build_graph, demand
from lkbuild.model.action import ActionInfo, ActionResult, ActionSpec, DeclaredOutput, Input, PlannedAction
from lkbuild.model.artifact import ActionId, Inline, Output
from lkbuild.model.ports import CachedResult


def planned(name, *needs):
    identity = ActionId(name, 0)
    inputs = tuple(Input(f"in/{need}", Output(ActionId(need, 0), "out")) for need in needs) or (Input("in", Inline(name.encode())),)
    spec = ActionSpec(arguments=("make", name), inputs=inputs, outputs=(DeclaredOutput("out"),))
    return identity, PlannedAction(spec, ActionInfo(id=identity, mnemonic="make", label=name))


class Cache:
    """Remembers which recipes were asked for, query by query."""

    def __init__(self, known=()):
        self.known = set(known)
        self.queries = []

    def get_recipes(self, recipes):
        asked = list(recipes)
        self.queries.append(len(asked))
        return {recipe: CachedResult(recipe, ActionResult()) for recipe in asked if recipe in self.known}


CHAIN = dict([planned("a"), planned("b", "a"), planned("c", "b"), planned("d", "b")])
TOP = ActionId("c", 0)


def graph(actions=CHAIN, wanted=(TOP,)):
    return build_graph(wanted, actions, lambda _: Digest.of(b""))


def test_a_known_target_ends_the_search_after_one_query():
    found = graph()
    cache = Cache([found.recipes[TOP]])
    assert demand(found, [TOP], cache).needed == []
    assert cache.queries == [1]


def test_what_is_not_known_is_needed_with_all_below_it_dependencies_first():
    found = graph()
    assert [str(action) for action in demand(found, [TOP], Cache()).needed] == ["a#0", "b#0", "c#0"]


def test_the_search_stops_at_the_first_thing_known():
    found = graph()
    cache = Cache([found.recipes[ActionId("b", 0)]])
    result = demand(found, [TOP], cache)
    assert [str(action) for action in result.needed] == ["c#0"]
    assert list(result.results) == [found.recipes[ActionId("b", 0)]]


def test_actions_that_nothing_wanted_needs_are_not_in_the_graph():
    assert ActionId("d", 0) not in graph().order


def test_two_actions_with_the_same_recipe_run_once():
    one, plan = planned("same")
    other = ActionId("other", 0)
    actions = {one: plan, other: PlannedAction(plan.spec, ActionInfo(id=other, mnemonic="make", label="other"))}
    found = graph(actions, (one, other))
    assert len(demand(found, [one, other], Cache()).needed) == 1


def test_a_forced_recipe_is_needed_although_it_is_known():
    found = graph()
    recipe = found.recipes[TOP]
    assert [str(a) for a in demand(found, [TOP], Cache([recipe, found.recipes[ActionId("b", 0)]]), forced=frozenset([recipe])).needed] == [
        "c#0"
    ]


def test_a_change_at_the_foot_changes_every_recipe_above_it():
    before = graph()
    changed = dict(CHAIN) | dict([planned("a")])
    foot = ActionId("a", 0)
    spec = changed[foot].spec
    changed[foot] = PlannedAction(ActionSpec(arguments=("make", "other"), inputs=spec.inputs, outputs=spec.outputs), changed[foot].info)
    after = graph(changed)
    assert all(before.recipes[action] != after.recipes[action] for action in before.order)


def test_the_keys_of_actions_may_be_stopped_at_each():
    answers = iter([False, False, True])
    with pytest.raises(Interrupted):
        build_graph([TOP], CHAIN, lambda _: Digest.of(b""), checkpoint=checkpoint(lambda: next(answers)))
