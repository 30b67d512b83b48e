"""The graph from outlines is the graph of an analysis: the same needs, or the same error at the same place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.analysis.outlined import OutlinedGraph
from lkbuild.base.errors import LkbuildError, LoadError, Position
from lkbuild.base.label import Label, Pattern, in_order
from lkbuild.graph.closure import is_acyclic
from lkbuild.loading.outline import Outline, outline_of
from lkbuild.model.attrs import Attr, FrozenMap, LabelOf, ListOf, Select
from lkbuild.model.configuration import Configuration, NodeKey
from lkbuild.model.rule import Rule
from lkbuild.model.target import Package, Target

ARCHES = ("amd64", "arm64")
LABELS = [Label(package, name) for package in ("a", "b", "a/c") for name in "xyz"]
_DEPS = {"deps": Attr(type=ListOf(item=LabelOf()), doc=""), "tools": Attr(type=ListOf(item=LabelOf(execution=True)), doc="")}
RULES = {
    "plain": Rule(name="plain", doc="", attrs=_DEPS, analyze=lambda _: []),
    "test": Rule(name="test", doc="", attrs=_DEPS, analyze=lambda _: [], test=True),
    "implied": Rule(name="implied", doc="", attrs=_DEPS, analyze=lambda _: [], implicit={"tool": "//a:x"}),
}


@st.composite
def targets(draw: st.DrawFn, label: Label, below: list[Label]) -> Target:
    some = st.lists(st.sampled_from(below), min_size=1, max_size=2, unique=True).map(tuple) if below else st.just(())
    choice = st.builds(lambda one, other: Select((("amd64", one),), other, has_default=True), some, some)
    mostly = st.integers(0, 5).flatmap(lambda number: choice if number == 0 else some)
    attrs = {"deps": draw(mostly), "tools": draw(mostly)}
    positions = {(name, index): Position(file=str(label), line=index + 1) for name in attrs for index in range(2)}
    return Target(
        label=label,
        rule=draw(st.sampled_from([*RULES, "plain", "plain"]) if below else st.just("plain")),
        attrs=FrozenMap(attrs),
        testonly=draw(st.booleans() if draw(st.integers(0, 5)) == 0 else st.just(False)),
        visibility=draw(st.sampled_from([(Pattern.parse("//..."),)] * 10 + [(Pattern.parse("//a/..."),), ()])),
        arches=draw(st.sampled_from([()] * 5 + [("amd64",), ("arm64",)])),
        position=Position(file=str(label)),
        positions=positions,
    )


@st.composite
def workspaces(draw: st.DrawFn) -> dict[str, Package]:
    """Targets that mostly need what comes before them; now and then what comes after, or what there is not."""
    packages: dict[str, dict[str, Target]] = {}
    wild = draw(st.integers(0, 4)) == 0
    for index, label in enumerate(LABELS):
        below = [*LABELS, Label("a", "nothing"), Label("none", "x")] if wild else LABELS[:index]
        packages.setdefault(label.package, {})[label.name] = draw(targets(label, below))
    return {name: Package(name=name, targets=some) for name, some in packages.items()}


class Loaded:
    """A workspace in memory, and who of its targets was made."""

    def __init__(self, packages: Mapping[str, Package]) -> None:
        self.packages = packages
        self.made: set[Label] = set()
        self.analyzer = Analyzer(target=self.target, rule=RULES.get, tool=lambda *_: b"")

    def target(self, label: Label, referrer: Position | None) -> Target:
        self.made.add(label)
        package = self.packages.get(label.package)
        if package is None or label.name not in package.targets:
            raise LoadError(f"no {label}", position=referrer)
        return package.targets[label.name]

    def graph(self) -> OutlinedGraph:
        outlines = {name: outline_of(package, RULES.get) for name, package in self.packages.items()}

        def outline(name: str) -> Outline:
            if name not in outlines:
                raise LoadError(f"no package {name}")
            return outlines[name]

        return OutlinedGraph(outline, self.analyzer.edges, self.analyzer.close)


def as_built(loaded: Loaded, labels: list[Label], configurations: list[Configuration]) -> dict[str, set[str]]:
    """What the analysis of a build says."""
    nodes = [
        NodeKey(label, configuration)
        for configuration in configurations
        for label in labels
        if configuration.arch in (loaded.target(label, None).arches or ARCHES)
    ]
    closure = loaded.analyzer.close(nodes)
    needs: dict[str, set[str]] = {}
    for node in closure.order:
        needs.setdefault(str(node.label), set()).update(str(edge.target.label) for edge in closure.edges[node])
    return needs


@settings(max_examples=200)
@given(
    workspaces(), st.lists(st.sampled_from(LABELS), min_size=1, max_size=2, unique=True), st.sampled_from([("amd64",), ("arm64",), ARCHES])
)
def test_needs_and_errors_are_those_of_an_analysis(packages: dict[str, Package], labels: list[Label], arches: tuple[str, ...]) -> None:
    configurations = [Configuration(arch=arch, exec_arch="amd64") for arch in arches]
    expected = outcome(lambda: as_built(Loaded(packages), sorted(labels), configurations))
    found = outcome(lambda: Loaded(packages).graph().close(map(str, labels), configurations))
    if isinstance(found, Mapping):
        assert all(len(needs) == len(set(needs)) for needs in found.values())
        found = {label: set(needs) for label, needs in found.items()}
    assert found == expected


def outcome(act: Callable[[], object]) -> object:
    """What a function returns, or what it raises."""
    try:
        return act()
    except LkbuildError as error:
        return type(error), error.message, error.position


@given(st.lists(st.sampled_from(LABELS), unique=True))
def test_text_is_in_the_order_of_labels(labels: list[Label]) -> None:
    assert in_order(map(str, labels)) == list(map(str, sorted(labels)))


@given(st.dictionaries(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=3)))
def test_a_graph_is_acyclic_where_its_nodes_can_be_taken_away_one_by_one(edges: dict[int, list[int]]) -> None:
    edges = {node: edges.get(node, []) for node in range(7)}
    left = set(edges)
    while free := {node for node in left if not left & set(edges[node])}:
        left -= free
    assert is_acyclic(edges) == (not left)


def test_no_target_is_made_of_which_the_outline_says_all() -> None:
    def target(label: str, *deps: str) -> Target:
        attrs = FrozenMap({"deps": tuple(map(Label.parse, deps)), "tools": ()})
        return Target(
            label=Label.parse(label), rule="plain", attrs=attrs, visibility=(Pattern.parse("//..."),), position=Position(file=label)
        )

    some = [target("//a:x"), target("//a:y", "//a:x", "//b:x"), target("//b:x")]
    packages = {name: Package(name=name, targets={t.label.name: t for t in some if t.label.package == name}) for name in "ab"}
    loaded = Loaded(packages)
    assert loaded.graph().close(["//a:y"], [Configuration(arch="amd64", exec_arch="amd64")]) == {
        "//a:y": ("//a:x", "//b:x"),
        "//a:x": (),
        "//b:x": (),
    }
    assert not loaded.made
