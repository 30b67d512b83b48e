"""A server that makes closures up: what does not count is a miss, is asked for by recipe, and no wrong byte gets in."""

from __future__ import annotations

import pytest
import zstandard
from harness.actions import OUTPUTS, make_publication
from harness.reapi_server import Behaviour, ReapiServer

from lkbuild.base.digest import Digest
from lkbuild.model.cache_policy import TrustedKey
from lkbuild.model.ports import Closure
from lkbuild.remote.closures import decode_closure, encode_closure
from lkbuild.remote.names import BLAKE3, SHA256
from lkbuild.remote.naming import Naming
from lkbuild.remote.parcels import Packer
from lkbuild.remote.signing import SigningKey
from lkbuild.remote.trust import Signer, Trust

BUILDER, STRANGER = SigningKey(b"b" * 32), SigningKey(b"s" * 32)
TRUST = Trust(keys=(TrustedKey(name="ci", public=BUILDER.public()),), namespace="main")
KEY = Digest.of(b"//images:x")


@pytest.fixture(params=[True, False], ids=["blake3", "sha256"])
def server(request):
    made = ReapiServer(Behaviour(blake3=request.param))
    yield made
    made.stop()


@pytest.fixture
def published(new_machine, server, tmp_path):
    machine = new_machine("theirs", server.url, signer=Signer(BUILDER, "main"), trust=TRUST)
    made = [make_publication(machine.store.blobs, tmp_path / f"made-{number}", large=b"", name=str(number)) for number in range(3)]
    for item in made:
        machine.remotes.publish(item)
    machine.remotes.publish_closure(Closure(KEY, tuple(item.recipe for item in made)))
    machine.remotes.close()
    assert machine.told == []
    return made


@pytest.fixture
def ours(new_machine, server):
    return new_machine("ours", server.url, trust=TRUST)


@pytest.fixture
def replace(server, new_machine):
    """Puts another closure in the place of the one that was published: entries, or the bytes of a blob, signed by somebody."""

    def act(change, key=BUILDER, about=KEY):
        store = new_machine("forger", server.url).store
        naming = Naming(BLAKE3 if server.is_.blake3 else SHA256, store.blobs)
        blob = next(data for data in server.blobs.values() if _is_closure(data))
        parcel = Packer(store.blobs, Signer(key, "main"), directories=False).pack_closure(about, change(decode_closure(blob)), naming)
        for name, digest in parcel.stored.items():
            server.blobs[name.hash] = store.blobs.get_bytes(digest)
        server.results[naming.closure(KEY)[0].hash] = parcel.by_other[1]

    return act


def _is_closure(data):
    try:
        return len(decode_closure(data)) == 3
    except Exception:  # noqa: BLE001 - every other blob
        return False


def find(machine, published):
    machine.remotes.foresee([KEY])
    return machine.remotes.find_recipes({item.recipe: OUTPUTS for item in published})


def assert_right(found, published):
    assert {recipe: answer.result.files for recipe, answer in found.items()} == {item.recipe: item.result.files for item in published}


def test_a_closure_that_a_stranger_signed_is_not_read(ours, published, replace):
    replace(lambda entries: entries, STRANGER)
    assert_right(find(ours, published), published)
    assert ours.peer.closures == {}
    assert len(ours.told) == 1


def test_a_closure_of_another_target_is_not_read(ours, published, replace):
    replace(lambda entries: entries, about=Digest.of(b"//images:other"))
    assert_right(find(ours, published), published)
    assert ours.peer.closures == {}


def test_results_that_are_swapped_in_a_closure_are_asked_for_by_recipe(ours, published, replace):
    """Each is signed, and by the right key, but for another recipe."""
    replace(lambda entries: dict(zip(entries, [*list(entries.values())[1:], next(iter(entries.values()))], strict=True)))
    assert_right(find(ours, published), published)
    assert len(ours.told) == 1


def test_a_closure_with_results_that_are_no_messages_is_no_obstacle(ours, published, replace):
    replace(lambda entries: dict.fromkeys(entries, b"\xff\xff"))
    assert_right(find(ours, published), published)


def test_a_closure_of_what_the_server_has_lost_is_a_miss(ours, published, server):
    small = published[0].result.output("out/small").digest
    lost = [name for name, data in server.blobs.items() if Digest.of(data) == small]
    for name in lost:
        del server.blobs[name]
    assert find(ours, published) == {}  # all three have that file


@pytest.mark.parametrize("blob", ["bomb", "cut", "noise"])
def test_a_blob_that_is_no_closure_is_a_miss(ours, published, replace, monkeypatch, blob):
    data = {
        "bomb": zstandard.ZstdCompressor().compress(bytes(1 << 29)),
        "cut": encode_closure({item.recipe: b"x" * 100 for item in published})[:-4],
        "noise": b"\x28\xb5\x2f\xfd nothing",
    }[blob]
    monkeypatch.setattr("lkbuild.remote.parcels.encode_closure", lambda entries: data)
    replace(lambda entries: entries)
    assert_right(find(ours, published), published)
    assert ours.peer.closures.get(KEY, {}) == {}


def test_other_bytes_than_those_of_the_closure_are_never_read(ours, published, server):
    server.is_.spoil = lambda data: bytes((data[0] ^ 1,)) + data[1:]
    ours.remotes.foresee([KEY])
    assert ours.peer.closures == {}
