"""What every ActionCache promises (lkbuild.model.ports)."""

from __future__ import annotations

from lkbuild.base.digest import Digest
from lkbuild.model.action import ActionResult, OutputFile, OutputTree
from lkbuild.model.ports import CachedResult
from lkbuild.model.tree import Directory, FileNode

KEY = Digest.of(b"key")


def result_with(store, *contents: bytes) -> ActionResult:
    files = tuple(OutputFile(f"out{number}", store.blobs.put_bytes(data)) for number, data in enumerate(contents))
    return ActionResult(files=files, log=store.blobs.put_bytes(b"log"), seconds=0.25)


def test_a_result_comes_back(store):
    root = store.blobs.put_bytes(Directory(files=(FileNode("f", store.blobs.put_bytes(b"f")),)).encode())
    executable = OutputFile("bin/x", store.blobs.put_bytes(b"x"), executable=True)
    result = ActionResult(files=(executable,), trees=(OutputTree("tree", root),), log=store.blobs.put_bytes(b""), seconds=1.5)
    store.actions.put(KEY, result)
    assert store.actions.get(KEY) == result


def test_outputs_come_back_sorted_from_the_first_moment_on(store):
    digest = store.blobs.put_bytes(b"x")
    store.actions.put(KEY, ActionResult(files=(OutputFile("b", digest), OutputFile("a", digest))))
    result = store.actions.get(KEY)
    assert result is not None
    assert [file.path for file in result.files] == ["a", "b"]


def test_an_unknown_key_has_no_result(store):
    assert store.actions.get(KEY) is None
    assert store.actions.get_recipes([KEY]) == {}


def test_the_first_writer_wins(store):
    first, second = result_with(store, b"1"), result_with(store, b"2")
    store.actions.put(KEY, first)
    store.actions.put(KEY, second)
    assert store.actions.get(KEY) == first


def test_a_result_whose_output_is_not_there_is_no_result_and_gives_way(store):
    absent = ActionResult(files=(OutputFile("o", Digest.of(b"absent")),))
    store.actions.put(KEY, absent)
    assert store.actions.get(KEY) is None
    whole = result_with(store, b"1")
    store.actions.put(KEY, whole)
    assert store.actions.get(KEY) == whole


def test_a_result_whose_log_is_not_there_is_no_result(store):
    store.actions.put(KEY, ActionResult(log=Digest.of(b"absent")))
    assert store.actions.get(KEY) is None


def test_a_result_whose_tree_lacks_a_file_is_no_result_until_it_is_there(store):
    root = store.blobs.put_bytes(Directory(files=(FileNode("f", Digest.of(b"later")),)).encode())
    store.actions.put(KEY, ActionResult(trees=(OutputTree("t", root),)))
    assert store.actions.get(KEY) is None
    store.blobs.put_bytes(b"later")
    assert store.actions.get(KEY) is not None


def test_recipes_lead_to_results_many_at_once(store):
    expected = {}
    for number in range(600):
        key, recipe = Digest.of(b"key %d" % number), Digest.of(b"recipe %d" % number)
        result = result_with(store, b"%d" % number)
        store.actions.put(key, result)
        store.actions.put_recipe(recipe, key)
        expected[recipe] = CachedResult(key, result)
    unknown = [Digest.of(b"unknown %d" % number) for number in range(600)]
    assert store.actions.get_recipes([*expected, *unknown]) == expected


def test_a_recipe_without_a_result_is_not_found(store):
    store.actions.put_recipe(Digest.of(b"recipe"), KEY)
    assert store.actions.get_recipes([Digest.of(b"recipe")]) == {}


def test_a_recipe_can_come_to_another_key(store):
    recipe, other = Digest.of(b"recipe"), Digest.of(b"other")
    for key in (KEY, other):
        store.actions.put(key, result_with(store, key.hash.encode()))
        store.actions.put_recipe(recipe, key)
    assert store.actions.get_recipes([recipe])[recipe].key == other


def test_the_last_time_of_a_name_is_remembered(store):
    assert store.actions.seconds(["Compile //a:b"]) == {}
    store.actions.record_seconds("Compile //a:b", 3.0)
    store.actions.record_seconds("Compile //a:b", 2.5)
    assert store.actions.seconds(["Compile //a:b", "Compile //a:c"]) == {"Compile //a:b": 2.5}
