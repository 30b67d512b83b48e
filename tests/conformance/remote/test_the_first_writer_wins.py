"""Two builders, one action: what was there first stays, and another result is told with both digests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.actions import OUTPUTS, make_publication

from lkbuild.model.action import ActionResult, OutputFile
from lkbuild.model.cache_policy import TrustedKey
from lkbuild.remote.signing import SigningKey
from lkbuild.remote.trust import Signer, Trust

BUILDER = SigningKey(b"b" * 32)
TRUST = Trust(keys=(TrustedKey(name="ci", public=BUILDER.public()),), namespace="main")


@pytest.fixture
def first(new_machine, url, tmp_path):
    """What the first builder has published, unsigned."""
    machine = new_machine("first", url)
    made = make_publication(machine.store.blobs, tmp_path / "made", large=b"", name="x")
    machine.remotes.publish(made)
    machine.remotes.close()
    return made


@pytest.fixture
def second(new_machine, tmp_path):
    """Publishes a result of the same action, with other bytes where that is said; the lines that it got."""

    def act(address, made, small=None, **said):
        machine = new_machine("second", address, **said)
        blobs = machine.store.blobs
        for name in ("in", "toolchain", "out"):
            blobs.put_tree(tmp_path / "made" / name)
        for data in (b"source", b"", b"a log\n", b"a small output\n" * 10):
            blobs.put_bytes(data)
        if small is not None:
            other = OutputFile("out/small", blobs.put_bytes(small), executable=True)
            files = tuple(other if item.path == other.path else item for item in made.result.files)
            made = replace(made, result=ActionResult(files=files, trees=made.result.trees, log=made.result.log), label="//p:x step")
        machine.remotes.publish(made)
        machine.remotes.close()
        return made, machine.told

    return act


@pytest.fixture
def result_of(new_machine, url):
    return lambda made, **said: new_machine("reader", url, **said).remotes.find_recipes({made.recipe: OUTPUTS})[made.recipe].result


def test_another_result_of_an_action_is_told_with_both_digests_and_the_first_stays(first, second, url, result_of):
    other, told = second(url, first, b"something else\n")
    (line,) = told
    assert "//p:x step" in line
    assert first.result.output("out/small").digest.hash in line
    assert other.result.output("out/small").digest.hash in line
    assert result_of(first).files == first.result.files


def test_the_same_result_is_nothing_to_tell(first, second, url, result_of):
    _, told = second(url, first)
    assert told == []
    assert result_of(first).files == first.result.files


def test_a_first_result_that_does_not_count_is_replaced(first, second, url, result_of):
    """Else who can write anything there could keep a result away from everyone."""
    other, told = second(url, first, b"something else\n", signer=Signer(BUILDER, "main"), trust=TRUST)
    assert [line for line in told if "reproducible" in line] == []
    assert set(result_of(first, trust=TRUST).files) == set(other.result.files)
