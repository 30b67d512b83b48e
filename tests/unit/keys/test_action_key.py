"""Every field of an action is in its key; nothing that is only shown is."""

from dataclasses import replace

import pytest

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import encode_action, make_action, recipe_key, walk_action, walk_command, walk_recipe
from lkbuild.keys.sinks import BytesSink, LinesSink
from lkbuild.model.action import Action, ActionSpec, Command, DeclaredOutput, Input
from lkbuild.model.artifact import ActionId, Inline, Output, SourceFile
from lkbuild.model.tree import File, Layout, Subtree

A, B = Digest.of(b"a"), Digest.of(b"b")
COMMAND = Command(arguments=("cc", "-c"), environment=(("LANG", "C"),), output_paths=("out/x",), platform=(("ISA", "x86-64"),))
ACTION = Action(command=COMMAND, input_root=A, timeout_s=60, salt=b"s")
SPEC = ActionSpec(
    arguments=("cc", "-c"),
    environment=(("LANG", "C"),),
    inputs=(Input("src/a.c", SourceFile("src/a.c")), Input("b", Inline(b"b"))),
    root=Output(ActionId("//toolchain", 0), "tree", tree=True),
    outputs=(DeclaredOutput("out/x"),),
    timeout_s=60,
)


def key(action: Action) -> Digest:
    return encode_action(action)[0]


@pytest.mark.parametrize(
    "changed",
    [
        replace(ACTION, input_root=B),
        replace(ACTION, timeout_s=61),
        replace(ACTION, cacheable=False),
        replace(ACTION, salt=b"t"),
        replace(ACTION, command=replace(COMMAND, arguments=("cc", "-d"))),
        replace(ACTION, command=replace(COMMAND, arguments=("cc -c",))),
        replace(ACTION, command=replace(COMMAND, arguments=("cc", "-c", ""))),
        replace(ACTION, command=replace(COMMAND, environment=(("LANG", "D"),))),
        replace(ACTION, command=replace(COMMAND, environment=())),
        replace(ACTION, command=replace(COMMAND, output_paths=("out/y",))),
        replace(ACTION, command=replace(COMMAND, platform=(("ISA", "arm-a64"),))),
        replace(ACTION, command=replace(COMMAND, working_directory="elsewhere")),
    ],
)
def test_any_change_of_an_action_changes_its_key(changed):
    assert key(changed) != key(ACTION)


def test_the_same_action_has_the_same_key():
    assert key(replace(ACTION, command=replace(COMMAND))) == key(ACTION)


def test_the_key_is_the_digest_of_the_stored_message():
    found, messages = encode_action(ACTION)
    assert all(Digest.of(data) == digest for digest, data in messages.items())
    assert found in messages


def test_the_bytes_of_a_small_action_are_those_that_the_remote_execution_api_defines():
    sink = BytesSink()
    walk_command(Command(arguments=("a",), environment=(("K", "v"),), output_paths=("o",), platform=()), sink)
    # Command: 1 arguments, 2 environment {1 name, 2 value}, 6 working_directory, 7 output_paths.
    assert sink.result() == b"\x0a\x01a" + b"\x12\x06\x0a\x01K\x12\x01v" + b"\x32\x05build" + b"\x3a\x01o"


def test_the_explanation_names_what_the_key_holds():
    sink = LinesSink()
    walk_action(ACTION, sink, command=B, layout=Layout({"in/a": File(A), "in/t": Subtree(B)}))
    lines = dict(sink.lines)
    assert lines["input_root"] == str(A)
    assert lines["input[in/a]"] == str(A)
    assert lines["input[in/t]"] == f"tree {B}"
    assert lines["timeout.seconds"] == "60"


def test_the_toolchain_is_a_property_of_the_platform():
    action, _ = make_action(SPEC, Layout({"b": File(A)}), B)
    assert dict(action.command.platform)["chrootRootDirectory"] == str(B)


def test_two_layouts_with_other_details_have_other_roots():
    one, _ = make_action(SPEC, Layout({"b": File(A)}), None)
    other, _ = make_action(SPEC, Layout({"b": File(A, executable=True)}), None)
    assert one.input_root != other.input_root


def recipe(spec: ActionSpec, sources: dict[str, Digest], tree: Digest = A) -> Digest:
    return recipe_key(spec, source=lambda source: sources[source.path], recipe=lambda _: tree)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SPEC, arguments=("cc", "-x")),
        replace(SPEC, environment=()),
        replace(SPEC, root=None),
        replace(SPEC, outputs=(DeclaredOutput("out/y"),)),
        replace(SPEC, timeout_s=1),
        replace(SPEC, inputs=SPEC.inputs[:1]),
        replace(SPEC, inputs=(Input("src/moved.c", SourceFile("src/a.c")), SPEC.inputs[1])),
        replace(SPEC, inputs=(SPEC.inputs[0], Input("b", Inline(b"c")))),
        replace(SPEC, inputs=(SPEC.inputs[0], Input("b", Inline(b"b", executable=True)))),
        replace(SPEC, platform=(("ISA", "x"),)),
    ],
)
def test_any_change_of_a_spec_changes_its_recipe(changed):
    assert recipe(changed, {"src/a.c": A}) != recipe(SPEC, {"src/a.c": A})


def test_a_recipe_follows_the_content_of_sources_and_the_recipes_below_it():
    assert recipe(SPEC, {"src/a.c": B}) != recipe(SPEC, {"src/a.c": A})
    assert recipe(SPEC, {"src/a.c": A}, B) != recipe(SPEC, {"src/a.c": A}, A)


def test_a_recipe_does_not_depend_on_where_a_source_lies():
    moved = replace(SPEC, inputs=(Input("src/a.c", SourceFile("other/a.c")), SPEC.inputs[1]))
    assert recipe(moved, {"other/a.c": A}) == recipe(SPEC, {"src/a.c": A})


def test_the_recipes_explanation_names_every_input():
    sink = LinesSink()
    walk_recipe(SPEC, sink, source=lambda _: A, recipe=lambda _: B)
    lines = dict(sink.lines)
    assert lines["input[src/a.c].source"] == str(A)
    assert lines["input[/].recipe"] == str(B)
    assert lines["argument[1]"] == "-c"
