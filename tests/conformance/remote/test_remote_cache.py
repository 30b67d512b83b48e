"""What every remote promises, whatever it speaks: what one machine publishes, another finds and gets."""

from __future__ import annotations

import pytest
from harness.actions import LARGE, OUTPUTS, SMALL, make_publication

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionResult, ActionSpec, DeclaredOutput, EncodedAction, OutputFile
from lkbuild.model.ports import BlobMissing, Publication
from lkbuild.model.tree import Layout
from lkbuild.remote.blobs import RemoteBlobs


@pytest.fixture
def published(new_machine, url, tmp_path):
    """Something that another machine has published."""
    machine = new_machine("theirs", url)
    publication = make_publication(machine.store.blobs, tmp_path / "made")
    machine.remotes.publish(publication)
    machine.remotes.close()
    assert machine.told == []
    return publication


@pytest.fixture
def ours(new_machine, url, published):
    return new_machine("ours", url)


def everything(result):
    return {item.digest for item in result.files} | {result.log}, {item.root for item in result.trees}


def test_a_recipe_is_found_by_a_machine_that_has_nothing(ours, published):
    found = ours.remotes.find_recipes({published.recipe: OUTPUTS, Digest.of(b"unknown"): OUTPUTS})
    assert set(found) == {published.recipe}
    assert found[published.recipe].key == published.action.key
    assert set(found[published.recipe].result.files) == set(published.result.files)
    assert found[published.recipe].result.trees == published.result.trees
    assert found[published.recipe].result.seconds == 1.5


def test_an_action_is_found_by_a_machine_that_has_its_inputs(ours, published, tmp_path):
    make_publication(ours.store.blobs, tmp_path / "again")  # other noise: another action
    assert ours.remotes.find(published.action, OUTPUTS) is None or ours.peer.client.function.number == 9
    for name in ("in", "toolchain"):
        ours.store.blobs.put_tree(tmp_path / "made" / name)
    ours.store.blobs.put_bytes(b"source")
    found = ours.remotes.find(published.action, OUTPUTS)
    assert found is not None
    assert set(found.files) == set(published.result.files)


def test_blobs_and_trees_are_brought(ours, published, tmp_path):
    result = ours.remotes.find_recipes({published.recipe: OUTPUTS})[published.recipe].result
    files, trees = everything(result)
    assert ours.remotes.bring(files, trees) == set()
    blobs = ours.store.blobs
    assert blobs.get_bytes(result.output("out/small").digest) == SMALL
    assert blobs.get_bytes(result.output("out/large").digest) == LARGE
    made = blobs.tree_path(result.output("out/tree").root)
    assert (made / "noise").read_bytes() == (tmp_path / "made" / "out" / "noise").read_bytes()
    assert (made / "program").stat().st_mode & 0o111
    assert (made / "a" / "link").readlink().name == "program"


def test_what_is_read_is_brought(ours, published):
    result = ours.remotes.find_recipes({published.recipe: OUTPUTS})[published.recipe].result
    blobs = RemoteBlobs(ours.store.blobs, ours.remotes)
    small = result.output("out/small").digest
    assert not blobs.has(small)
    assert blobs.get_bytes(small) == SMALL
    assert blobs.has(small)
    with blobs.open(result.output("out/large").digest) as stream:
        assert stream.read(10) == LARGE[:10]
    assert (blobs.tree_path(result.output("out/tree").root) / "empty").read_bytes() == b""


def test_a_blob_of_blobs_is_made_of_what_is_brought_and_sent_as_one(ours, published, new_machine, url):
    result = ours.remotes.find_recipes({published.recipe: OUTPUTS})[published.recipe].result
    small, large = result.output("out/small").digest, result.output("out/large").digest
    blobs = RemoteBlobs(ours.store.blobs, ours.remotes)
    whole = blobs.put_parts([large, small])
    with pytest.raises(BlobMissing):
        blobs.put_parts([large, Digest.of(b"never made")])
    outputs = (DeclaredOutput("whole"),)
    action, directories = make_action(ActionSpec(arguments=("join",), outputs=outputs), Layout({}), None)
    key, messages = encode_action(action)
    made = ActionResult(files=(OutputFile("whole", whole),))
    recipe = Digest.of(b"join")
    ours.remotes.publish(Publication(recipe=recipe, action=EncodedAction(key, {**directories, **messages}), result=made))
    ours.remotes.close()
    assert ours.told == []
    third = new_machine("third", url)
    assert third.remotes.find_recipes({recipe: outputs})[recipe].result.files == made.files
    assert RemoteBlobs(third.store.blobs, third.remotes).get_bytes(whole) == LARGE + SMALL


def test_nothing_goes_down_before_it_is_needed(ours, published):
    ours.remotes.find_recipes({published.recipe: OUTPUTS})
    assert ours.tally.bytes_down < 20_000


def test_what_nobody_has_is_missing(ours):
    lost = Digest.of(b"never made")
    assert ours.remotes.bring({lost}, ()) == {lost}
    with pytest.raises(BlobMissing):
        RemoteBlobs(ours.store.blobs, ours.remotes).get_bytes(lost)


@pytest.mark.parametrize(
    "outputs", [OUTPUTS[:2], (*OUTPUTS, DeclaredOutput("more")), (*OUTPUTS[:2], DeclaredOutput("out/tree")), ()], ids=str
)
def test_a_result_without_exactly_the_declared_outputs_is_none(ours, published, outputs):
    assert ours.remotes.find_recipes({published.recipe: outputs}) == {}


def test_what_is_there_is_not_uploaded_again(new_machine, url, published):
    again = new_machine("again", url)
    theirs = again.store.blobs
    files, trees = everything(published.result)
    assert again.remotes.find_recipes({published.recipe: OUTPUTS}), again.told
    assert again.remotes.bring(files, trees) == set()
    before = again.tally.bytes_up
    theirs.put_bytes(b"source")
    again.remotes.publish(published)
    again.remotes.close()
    assert again.tally.bytes_up - before < 20_000
    assert again.told == []
