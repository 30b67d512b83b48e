"""A source's executable bit is part of what an action is made from: its action key has it, so its recipe key must."""

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import recipe_key
from lkbuild.model.action import ActionSpec, DeclaredOutput, Input
from lkbuild.model.artifact import SourceFile

A = Digest.of(b"a")
SPEC = ActionSpec(arguments=("./x",), inputs=(Input("x", SourceFile("x")),), outputs=(DeclaredOutput("y"),))


def recipe(**options):
    return recipe_key(SPEC, source=lambda _: A, recipe=lambda _: A, **options)


def test_a_source_that_becomes_executable_changes_the_recipe():
    assert recipe(executable=lambda _: True) != recipe(executable=lambda _: False)


def test_a_source_is_no_program_unless_it_is_said():
    assert recipe() == recipe(executable=lambda _: False)
