"""Closures: each node once, after all it needs; a cycle is shown as a path."""

import pytest

from lkbuild.base.errors import Position
from lkbuild.graph.closure import CycleError, Edge, close


def edges(graph):
    return lambda node: tuple(Edge(need, Position(file="BUILD.yaml", line=index + 1)) for index, need in enumerate(graph[node]))


def test_a_node_stands_after_everything_that_it_needs():
    closure = close("a", edges({"a": "bc", "b": "d", "c": "d", "d": ""}))
    order = closure.order
    assert sorted(order) == ["a", "b", "c", "d"]
    assert order.index("d") < order.index("b") < order.index("a")
    assert order.index("d") < order.index("c") < order.index("a")


def test_successors_are_asked_once_for_each_node():
    asked = []

    def successors(node):
        asked.append(node)
        return edges({"a": "bb", "b": ""})(node)

    close("aab", successors)
    assert sorted(asked) == ["a", "b"]


def test_a_chain_longer_than_the_stack_is_no_problem():
    closure = close([0], lambda node: (Edge(node + 1),) if node < 50_000 else ())
    assert len(closure.order) == 50_001


@pytest.mark.parametrize("graph", [{"a": "a"}, {"a": "b", "b": "c", "c": "b"}, {"a": "xb", "b": "a", "x": ""}])
def test_a_cycle_is_an_error_at_the_position_of_its_first_edge(graph):
    with pytest.raises(CycleError) as caught:
        close("a", edges(graph))
    assert caught.value.position is not None
    assert "->" in caught.value.detail


def test_the_path_of_a_cycle_begins_and_ends_with_the_same_node():
    with pytest.raises(CycleError) as caught:
        close("a", edges({"a": "b", "b": "c", "c": "b"}))
    lines = caught.value.detail.splitlines()
    assert [line.split()[0] for line in lines] == ["b", "c"]
    assert lines[-1].split()[2] == "b"
