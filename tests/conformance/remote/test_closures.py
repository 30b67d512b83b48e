"""What every remote promises of closures: one question tells all that a target needs, and nothing in one is believed that is not signed."""

from __future__ import annotations

import pytest
from harness.actions import OUTPUTS, make_publication

from lkbuild.base.digest import Digest
from lkbuild.model.cache_policy import TrustedKey
from lkbuild.model.ports import Closure
from lkbuild.remote.signing import SigningKey
from lkbuild.remote.trust import Signer, Trust

BUILDER = SigningKey(b"b" * 32)
TRUST = Trust(keys=(TrustedKey(name="ci", public=BUILDER.public()),), namespace="main")
KEY = Digest.of(b"//images:x")
MANY = 8


@pytest.fixture
def theirs(new_machine, url):
    return new_machine("theirs", url, signer=Signer(BUILDER, "main"), trust=TRUST)


@pytest.fixture
def ours(new_machine, url):
    return new_machine("ours", url, trust=TRUST)


@pytest.fixture
def published(theirs, tmp_path):
    made = [make_publication(theirs.store.blobs, tmp_path / f"made-{number}", large=b"", name=str(number)) for number in range(MANY)]
    for item in made:
        theirs.remotes.publish(item)
    theirs.remotes.publish_closure(Closure(KEY, tuple(item.recipe for item in made)))
    theirs.remotes.close()
    assert theirs.told == []
    return made


def asked_of(machine, published):
    return machine.remotes.find_recipes({item.recipe: OUTPUTS for item in published})


def test_all_that_a_closure_holds_is_found_and_brought(ours, published):
    ours.remotes.foresee([KEY])
    found = asked_of(ours, published)
    assert {recipe: answer.key for recipe, answer in found.items()} == {item.recipe: item.action.key for item in published}
    for item in published:
        small = item.result.output("out/small").digest
        assert ours.remotes.bring({small}, [item.result.output("out/tree").root]) == set()
    assert ours.told == []


def test_no_result_of_a_closure_is_asked_for(ours, published):
    asked = []
    client, results = ours.peer.client, ours.peer.client.results
    client.results = lambda names: asked.extend(names) or results(names)
    ours.remotes.foresee([KEY])
    assert len(asked_of(ours, published)) == MANY
    assert len(asked) == 1


def test_a_closure_that_nobody_has_shared_is_no_obstacle(ours, published):
    ours.remotes.foresee([Digest.of(b"//images:other")])
    assert len(asked_of(ours, published)) == MANY
    assert ours.told == []


def test_a_closure_that_is_old_tells_what_is_still_so(ours, theirs, published, tmp_path, new_machine, url):
    again = new_machine("again", url, signer=Signer(BUILDER, "main"), trust=TRUST)
    later = make_publication(again.store.blobs, tmp_path / "later", large=b"", name="later")
    again.remotes.publish(later)
    again.remotes.close()
    ours.remotes.foresee([KEY])
    assert len(asked_of(ours, [*published, later])) == MANY + 1


def test_a_second_builder_adds_to_a_closure_what_it_made_and_signs_nothing_of_others(ours, published, tmp_path, new_machine, url):
    other = SigningKey(b"o" * 32)
    both = Trust(keys=(*TRUST.keys, TrustedKey(name="other", public=other.public())), namespace="main")
    second = new_machine("second", url, signer=Signer(other, "main"), trust=both)
    later = make_publication(second.store.blobs, tmp_path / "later", large=b"", name="later")
    second.remotes.publish(later)
    second.remotes.publish_closure(Closure(KEY, tuple(item.recipe for item in [*published, later])))
    second.remotes.close()
    assert second.told == []
    reader = new_machine("reader", url, trust=both)
    reader.remotes.foresee([KEY])
    assert reader.peer.closures[KEY].keys() == {item.recipe for item in [*published, later]}
    assert len(asked_of(reader, [*published, later])) == MANY + 1
    ours.remotes.foresee([KEY])  # trusts the first builder only: neither the closure nor what the second has made
    assert len(asked_of(ours, [*published, later])) == MANY
    assert len(ours.told) == 1
