"""The critical path of what ran: by measured time, through what did not have to run."""

from lkbuild.base.digest import Digest
from lkbuild.execution.critical import measured_path
from lkbuild.execution.plan import ActionGraph
from lkbuild.model.action import ActionResult
from lkbuild.model.artifact import ActionId


def ident(name):
    return ActionId(name, 0)


def path(needs, seconds, executed=None, twins=()):
    """`needs`: name to names, in an order of dependencies."""
    recipe = {name: Digest.of(name.encode()) for name in needs} | {twin: Digest.of(name.encode()) for twin, name in twins}
    graph = ActionGraph(
        actions={},
        order=tuple(map(ident, needs)),
        recipes={ident(name): recipe[name] for name in needs},
        producers={ident(name): tuple(map(ident, below)) for name, below in needs.items()},
    )
    results = {recipe[name]: ActionResult(seconds=value) for name, value in seconds.items()}
    return [(action.owner, value) for action, value in measured_path(graph, results, map(ident, executed or seconds))]


def test_nothing_ran_has_no_path():
    assert path({"a": ()}, {}) == []


def test_the_longest_chain_is_the_path_not_the_longest_action():
    needs = {"a": (), "b": ("a",), "c": ("b",), "big": (), "top": ("c", "big")}
    seconds = {"a": 2.0, "b": 2.0, "c": 2.0, "big": 5.0, "top": 1.0}
    assert path(needs, seconds) == [("a", 2.0), ("b", 2.0), ("c", 2.0), ("top", 1.0)]


def test_what_was_found_in_the_cache_takes_no_time():
    needs = {"a": (), "b": ("a",), "other": (), "top": ("b", "other")}
    seconds = {"a": 90.0, "b": 1.0, "other": 2.0, "top": 1.0}
    assert path(needs, seconds, executed=("b", "other", "top")) == [("other", 2.0), ("top", 1.0)]


def test_the_path_need_not_end_at_what_was_asked_for():
    assert path({"a": (), "b": ()}, {"a": 1.0, "b": 3.0}) == [("b", 3.0)]


def test_an_action_that_stands_for_its_twin_is_on_the_path():
    needs = {"a": (), "twin": (), "top": ("twin",)}
    assert path(needs, {"a": 2.0, "top": 1.0}, executed=("a", "top"), twins=[("twin", "a")]) == [("a", 2.0), ("top", 1.0)]
