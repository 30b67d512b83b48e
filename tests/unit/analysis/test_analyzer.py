"""Analysis: edges are checked where they are written; a rule's bug is an error of the target that met it."""

import sys

import pytest

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.base.errors import AnalysisError, Interrupted, LoadError, Position
from lkbuild.base.label import Label, Pattern
from lkbuild.graph.closure import CycleError
from lkbuild.model.action import DeclaredOutput
from lkbuild.model.artifact import Inline, NamedArtifact
from lkbuild.model.attrs import Attr, FrozenMap, LabelOf, ListOf
from lkbuild.model.configuration import Configuration, NodeKey
from lkbuild.model.providers import Files
from lkbuild.model.rule import Rule
from lkbuild.model.target import Target

HERE = Configuration(arch="amd64", exec_arch="amd64")
PUBLIC = (Pattern.parse("//..."),)


def give(ctx):
    return [Files((NamedArtifact("x", Inline(str(ctx.label).encode())),))]


def named(ctx):
    """A path, out of a name: labels have none that leads anywhere."""
    return ctx.label.name.replace("-", "/").replace("+", "")


RULES = {
    "give": Rule(name="give", doc="", attrs={"deps": Attr(type=ListOf(item=LabelOf()), doc="", default=())}, analyze=give),
    "tool": Rule(name="tool", doc="", attrs={"deps": Attr(type=ListOf(item=LabelOf(execution=True)), doc="", default=())}, analyze=give),
    "test": Rule(name="test", doc="", attrs={"deps": Attr(type=ListOf(item=LabelOf()), doc="", default=())}, analyze=give, test=True),
    "buggy": Rule(name="buggy", doc="", attrs={}, analyze=lambda ctx: {}["x"]),
    "twice": Rule(name="twice", doc="", attrs={}, analyze=lambda ctx: [*give(ctx), *give(ctx)]),
    "leaving": Rule(name="leaving", doc="", attrs={}, analyze=sys.exit),
    "sneaky": Rule(name="sneaky", doc="", attrs={}, analyze=lambda ctx: ctx.dep(Label.parse("//a:x"))),
    "escaping": Rule(
        name="escaping",
        doc="",
        attrs={},
        analyze=lambda ctx: ctx.builtin("put", 1, [], outputs=[DeclaredOutput(named(ctx))]) and [],
    ),
    "naming": Rule(
        name="naming",
        doc="",
        attrs={},
        analyze=lambda ctx: [Files((NamedArtifact(named(ctx), Inline(b"")),))],
    ),
    "running": Rule(
        name="running",
        doc="",
        attrs={},
        analyze=lambda ctx: ctx.run("run", ["echo", "a\0b"], root=Inline(b""), outputs=[DeclaredOutput("x")]),
    ),
    "demanding": Rule(
        name="demanding",
        doc="",
        attrs={"dep": Attr(type=LabelOf(), doc="")},
        analyze=lambda ctx: [ctx.require(ctx.attrs["dep"], Target, attr=("dep",))],
    ),
}


def target(text, rule="give", deps=(), **more):
    label = Label.parse(text)
    attrs = {"dep": Label.parse(deps[0])} if rule == "demanding" else {"deps": tuple(Label.parse(dep) for dep in deps)}
    positions = {("deps", index): Position(file="B", line=index + 2) for index in range(len(deps))} | {("dep",): Position(file="B", line=7)}
    given = {"visibility": PUBLIC, **more}
    return Target(label=label, rule=rule, attrs=FrozenMap(attrs), position=Position(file="B"), positions=positions, **given)


def analyzer_of(targets):
    by_label = {item.label: item for item in targets}
    return Analyzer(target=lambda label, _: by_label[label], rule=RULES.get, tool=lambda *_: b"")


def analyze(*targets, arch="amd64"):
    configuration = Configuration(arch=arch, exec_arch="amd64")
    return analyzer_of(targets).analyze([NodeKey(targets[0].label, configuration)])


def error(*targets, kind=AnalysisError, **more):
    with pytest.raises(kind) as caught:
        analyze(*targets, **more)
    return caught.value


def test_a_dependency_is_analysed_before_what_needs_it():
    found = analyze(target("//a:a", deps=["//a:b"]), target("//a:b"))
    assert [node.label.name for node in found.closure.order] == ["b", "a"]


def test_a_tool_is_built_for_the_machine_that_runs_it():
    found = analyze(target("//a:a", "tool", ["//a:b"]), target("//a:b"), arch="arm64")
    assert {str(node) for node in found.by_node} == {"//a (arm64)", "//a:b (amd64)"}


def test_a_target_that_is_not_visible_is_an_error_where_it_is_named():
    found = error(target("//a:a", deps=["//b:b"]), target("//b:b", visibility=(Pattern.parse("//c/..."),)))
    assert found.position.line == 2
    assert found.hint


def test_targets_of_one_package_see_each_other():
    assert analyze(target("//a:a", deps=["//a:b"]), target("//a:b", visibility=()))


def test_what_is_only_for_tests_is_for_tests_only():
    assert error(target("//a:a", deps=["//a:b"]), target("//a:b", testonly=True)).position.line == 2
    assert analyze(target("//a:a", "test", ["//a:b"]), target("//a:b", testonly=True))


def test_an_architecture_that_a_target_does_not_have_is_an_error():
    assert error(target("//a:a", arches=("arm64",))).label == "//a:a"


def test_an_architecture_that_a_dependency_does_not_have_is_an_error_where_it_is_named():
    found = error(target("//a:a", deps=["//a:b"]), target("//a:b", arches=("arm64",)))
    assert (found.label, found.position.line) == ("//a:a", 2)
    assert found.related
    # A tool is for the machine that runs it, whatever is built with it.
    assert analyze(target("//a:a", "tool", ["//a:b"]), target("//a:b", arches=("amd64",)), arch="arm64")


def test_what_an_architecture_does_not_have_is_told_of_all_that_need_it_with_who_is_to_blame():
    targets = (
        target("//a:top", deps=["//a:middle", "//a:other"]),
        target("//a:middle", deps=["//a:foot"]),
        target("//a:foot", arches=("arm64",)),
        target("//a:other", "tool", ["//a:hammer"]),
        target("//a:hammer", arches=("amd64",)),
    )
    analyzer = analyzer_of(targets)
    here, there = (Configuration(arch=arch, exec_arch="amd64") for arch in ("amd64", "arm64"))
    found = analyzer.incompatible(NodeKey(item.label, here) for item in targets)
    assert {node.label.name: blamed.label.name for node, blamed in found.items()} == {"foot": "foot", "middle": "foot", "top": "foot"}
    assert analyzer.incompatible(NodeKey(item.label, there) for item in targets[:-1]) == {}


def test_a_cycle_is_an_error_at_its_first_edge():
    found = error(target("//a:a", deps=["//a:b"]), target("//a:b", deps=["//a:a"]), kind=CycleError)
    assert found.position.line == 2


def test_a_bug_in_a_rule_is_an_error_of_the_target():
    assert error(target("//a:a", "buggy")).label == "//a:a"


def test_a_bug_in_a_rule_is_told_at_the_first_target_that_meets_it():
    met = error(target("//a:a", deps=["//a:b", "//a:c"]), target("//a:b", "buggy"), target("//a:c", "buggy"))
    assert [one.label for one in met.each()] == ["//a:b"]


@pytest.mark.parametrize("rule", ["escaping", "naming"])
@pytest.mark.parametrize("name", ["..+", "x-..-..-..-etc-shadow", ".+", "a-.-b", "a--b"])
def test_no_output_has_a_name_that_leads_out_of_its_folder(rule, name):
    """It would be taken from another folder, and written over another one."""
    assert error(target(f"//a:{name}", rule)).position == Position(file="B")


@pytest.mark.parametrize("rule", ["escaping", "naming"])
@pytest.mark.parametrize("name", ["x", "x-y", "...", "..x-y.."])
def test_other_names_are_as_good_as_any(rule, name):
    analyze(target(f"//a:{name}", rule))


def test_no_word_of_a_command_holds_a_zero_byte():
    assert error(target("//a:a", "running")).position == Position(file="B")


def test_a_provider_stands_once():
    assert isinstance(error(target("//a:a", "twice")), AnalysisError)


def test_a_rule_sees_only_what_its_attributes_name():
    assert error(target("//a:a", "sneaky")).label == "//a:a"


def test_a_missing_provider_is_an_error_at_the_attribute():
    assert error(target("//a:a", "demanding", ["//a:b"]), target("//a:b")).position.line == 7


def test_a_default_that_is_not_there_is_told_as_such():
    attrs = FrozenMap({"dep": Label.parse("//b:b")})
    plain = Target(label=Label.parse("//a:a"), rule="demanding", attrs=attrs, position=Position(file="B"), visibility=PUBLIC)

    def find(label, referrer):
        if label == plain.label:
            return plain
        raise LoadError("no package 'b'", position=referrer)

    analyzer = Analyzer(target=find, rule=RULES.get, tool=lambda *_: b"")
    with pytest.raises(LoadError) as caught:
        analyzer.analyze([NodeKey(plain.label, HERE)])
    assert "'dep'" in caught.value.message
    assert "dep:" in caught.value.hint


@pytest.mark.parametrize(
    "returned",
    [
        None,
        "Files",
        [1],
        ["Files"],
        [Files(("x",))],
        [Files((NamedArtifact("../x", Inline(b"")),))],
        [Files((NamedArtifact("/x", Inline(b"")),))],
        [Files((NamedArtifact("a//x", Inline(b"")),))],
        [Files(()), Files(())],
    ],
    ids=str,
)
def test_a_rule_that_returns_no_providers_is_an_error_of_the_target_that_met_it(returned, monkeypatch):
    monkeypatch.setitem(RULES, "odd", Rule(name="odd", doc="", attrs={}, analyze=lambda _: returned))
    found = error(target("//a:a", "odd"))
    assert (found.position, found.label) == (Position(file="B"), "//a:a")


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", ".", "a/", "a//b", "x\0"])
def test_a_rule_can_not_declare_an_output_outside_of_where_its_command_runs(path, monkeypatch):
    def analyze(ctx):
        ctx.run("m", ["true"], root=Inline(b""), outputs=[DeclaredOutput("a..b/.x/..."), DeclaredOutput(path)])

    monkeypatch.setitem(RULES, "odd", Rule(name="odd", doc="", attrs={}, analyze=analyze))
    found = error(target("//a:a", "odd"))
    assert (found.position, found.label) == (Position(file="B"), "//a:a")
    assert repr(path)[1:-1].replace("\\x00", "\0") in found.message


def test_a_rule_that_ends_the_process_is_an_error_like_any_other():
    assert error(target("//a:a", "leaving")).position == Position(file="B")


def test_analysis_may_be_stopped_before_each_target_that_is_looked_at_or_evaluated():
    """Which leaves the analyzer as it was: it is kept in memory, and the next build has another checkpoint."""
    targets = (target("//a:a", deps=["//a:b"]), target("//a:b", deps=["//a:c"]), target("//a:c"))
    analyzer = analyzer_of(targets)
    wanted = [NodeKey(targets[0].label, HERE)]
    for steps in range(2 * len(targets)):
        left = iter(range(steps))

        def checkpoint(left=left):
            if next(left, None) is None:
                raise Interrupted("enough")

        with pytest.raises(Interrupted):
            analyzer.analyze(wanted, checkpoint)
        assert next(left, None) is None
    assert len(analyzer.analyze(wanted).by_node) == len(targets)


def test_a_search_for_what_an_architecture_does_not_have_may_be_stopped():
    def checkpoint():
        raise Interrupted("enough")

    with pytest.raises(Interrupted):
        analyzer_of([target("//a:a")]).incompatible([NodeKey(Label.parse("//a:a"), HERE)], checkpoint)
