"""Which list of blobs the store is told of before it can be put."""

from __future__ import annotations

from pathlib import Path

from lkbuild.base.digest import Digest
from lkbuild.execution.foresight import foresee
from lkbuild.execution.plan import build_graph, demand
from lkbuild.model.action import ActionInfo, ActionResult, ActionSpec, DeclaredOutput, Input, OutputFile, PlannedAction
from lkbuild.model.artifact import ActionId, Inline, Output
from lkbuild.model.ports import CachedResult
from lkbuild.store.memory import MemoryBlobs

MIB = 1 << 20


class Told(MemoryBlobs):
    """Remembers what it was told."""

    def __init__(self):
        super().__init__(Path("/nonexistent"))  # nothing asks for a file
        self.lists = []

    def expect_parts(self, digests):
        self.lists.append(list(digests))


class Results:
    """Results by recipe."""

    def __init__(self, results):
        self.results = results

    def get_recipes(self, recipes):
        return {recipe: CachedResult(recipe, self.results[recipe]) for recipe in recipes if recipe in self.results}


def planned(name, arguments, needs=()):
    identity = ActionId(name, 0)
    inputs = tuple(Input(f"{index}", Output(ActionId(need, 0), "out")) for index, need in enumerate(needs))
    spec = ActionSpec(arguments=arguments, inputs=inputs or (Input("in", Inline(name.encode())),), outputs=(DeclaredOutput("out"),))
    return identity, PlannedAction(spec, ActionInfo(id=identity, mnemonic="make", label=name))


def segment(number, size=16 * MIB):
    return Digest(Digest.of(bytes([number])).hash, size)


def told(lists, made, command=("lkbuild:concat", "1")):
    """What a store is told where the segments `made` are known and lists of segments are to be joined."""
    names = {name for needs in lists.values() for name in needs}
    actions = dict([planned(name, ("pack",)) for name in sorted(names)] + [planned(name, command, needs) for name, needs in lists.items()])
    wanted = [ActionId(name, 0) for name in lists]
    graph = build_graph(wanted, actions, lambda _: Digest.of(b""))
    results = {graph.recipes[ActionId(name, 0)]: ActionResult(files=(OutputFile("out", digest),)) for name, digest in made.items()}
    blobs = Told()
    foresee(graph, demand(graph, wanted, Results(results)), blobs)
    return blobs.lists


def test_the_parts_before_the_first_that_is_still_to_be_made_are_expected():
    made = {"a": segment(1), "b": segment(2), "d": segment(4)}
    assert told({"image": ["a", "b", "c", "d"]}, made) == [[segment(1), segment(2)]]


def test_a_list_of_which_all_is_known_is_put_at_once_and_expected_by_nobody():
    assert told({"image": ["a", "b"]}, {"a": segment(1), "b": segment(2)}) == []


def test_a_list_that_begins_with_what_is_to_be_made_is_not_expected():
    assert told({"image": ["a", "b"]}, {"b": segment(2)}) == []


def test_the_longest_of_some_lists_is_expected():
    lists = {"small": ["a", "x"], "large": ["b", "c", "x"], "other": ["a", "y"]}
    made = {"a": segment(1), "b": segment(2), "c": segment(3)}
    assert told(lists, made) == [[segment(2), segment(3)]]


def test_a_few_bytes_are_not_worth_a_thread():
    assert told({"image": ["a", "b"]}, {"a": segment(1, MIB)}) == []


def test_commands_put_no_lists():
    assert told({"image": ["a", "b"]}, {"a": segment(1)}, command=("cat", "a", "b")) == []


def test_what_a_list_holds_once_is_expected_once_where_the_list_says_so():
    made = {"a": segment(1), "b": segment(1)}
    assert told({"image": ["a", "b", "c"]}, made) == [[segment(1), segment(1)]]
    assert told({"image": ["a", "b", "c"]}, made, command=("lkbuild:concat", "1", "unique")) == [[segment(1)]]
