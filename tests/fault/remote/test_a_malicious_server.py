"""A server that wants us to run what no trusted builder made: whatever it does is a miss with one line, and no wrong byte gets in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from google.protobuf.any_pb2 import Any
from harness.actions import OUTPUTS, SMALL, make_publication
from harness.reapi_server import Behaviour, ReapiServer

from lkbuild.model.cache_policy import TrustedKey
from lkbuild.remote.names import BLAKE3, SHA256
from lkbuild.remote.naming import Naming
from lkbuild.remote.results import RemoteResult, decode_remote, encode_remote
from lkbuild.remote.signing import SigningKey
from lkbuild.remote.trust import Signer, Trust

BUILDER, STRANGER = SigningKey(b"b" * 32), SigningKey(b"s" * 32)
KEY = TrustedKey(name="ci", public=BUILDER.public())
ENVELOPE = "type.googleapis.com/io.intoto.Envelope"


@pytest.fixture(params=[True, False], ids=["blake3", "sha256"])
def server(request):
    made = ReapiServer(Behaviour(blake3=request.param))
    yield made
    made.stop()


@pytest.fixture
def publish(new_machine, server, tmp_path):
    """Publishes an action as a builder of its own, and returns what it published."""

    def act(name, key=BUILDER, namespace="main", large=b"large"):
        signer = Signer(key, namespace) if key is not None else None
        machine = new_machine(f"builder-{name}", server.url, signer=signer)
        made = make_publication(machine.store.blobs, tmp_path / f"made-{name}", large=large, name=name)
        machine.remotes.publish(made)
        machine.remotes.close()
        assert machine.told == []
        return made

    return act


@pytest.fixture
def with_inputs(ours, tmp_path):
    """A machine that has the inputs of what was published: all but the outputs matter."""

    def act(name):
        machine = ours()
        for folder in ("in", "toolchain"):
            root = machine.store.blobs.put_tree(tmp_path / f"made-{name}" / folder)
            assert machine.store.blobs.has(root)
        machine.store.blobs.put_bytes(b"source")
        return machine

    return act


@pytest.fixture
def ours(new_machine, server):
    return lambda *keys: new_machine("ours", server.url, trust=Trust(keys=keys or (KEY,), namespace="main"))


def by_recipe(machine, made):
    return machine.remotes.find_recipes({made.recipe: OUTPUTS}).get(made.recipe)


def by_action(machine, made):
    """With the inputs in the store, by which a server of SHA-256 is told the action's name."""
    return machine.remotes.find(made.action, OUTPUTS)


def places(server, made, store):
    """Under which hashes a server keeps the result of an action: by its recipe, and by itself."""
    naming = Naming(BLAKE3 if server.is_.blake3 else SHA256, store.blobs)
    recipe = naming.recipe(made.recipe)[0].hash
    (action,) = [name for name, data in server.results.items() if name != recipe and decode_remote(data).key == made.action.key]
    return recipe, action


def assert_refused(machine, *wanted):
    for made in wanted:
        assert by_recipe(machine, made) is None
    (line,) = machine.told
    assert machine.told[0].startswith("remote grpc://")
    return line


def test_what_a_trusted_builder_has_signed_is_found_and_brought(ours, publish):
    made = publish("x")
    machine = ours()
    found = by_recipe(machine, made)
    assert (found.key, found.result) == (made.action.key, made.result)
    small = made.result.output("out/small").digest
    assert machine.remotes.bring({small}, [made.result.output("out/tree").root]) == set()
    assert machine.store.blobs.get_bytes(small) == SMALL
    assert machine.told == []


@pytest.mark.parametrize("key", [None, STRANGER], ids=["unsigned", "a stranger's"])
def test_what_nobody_trusted_has_signed_is_a_miss(ours, publish, key):
    assert_refused(ours(), publish("x", key))


@pytest.mark.parametrize(
    "key",
    [
        TrustedKey(name="ci", public=BUILDER.public(), revoked=True),
        TrustedKey(name="ci", public=BUILDER.public(), until=1e9),
        TrustedKey(name="ci", public=BUILDER.public(), since=1e11),
        TrustedKey(name="ci", public=BUILDER.public(), namespaces=frozenset(("other",))),
    ],
    ids=["revoked", "expired", "not yet valid", "of another namespace"],
)
def test_what_is_signed_with_a_key_that_does_not_count_is_a_miss(ours, publish, key):
    made = publish("x")
    assert "'ci'" in assert_refused(ours(key), made)


def test_what_is_signed_for_another_namespace_is_a_miss(ours, publish):
    """A partner's builder may count in both."""
    made = publish("x", namespace="other")
    assert_refused(ours(TrustedKey(name="ci", public=BUILDER.public(), namespaces=frozenset(("main", "other")))), made)


def test_signatures_that_are_stripped_are_missed(ours, publish, server):
    made = publish("x")
    for name, data in server.results.items():
        server.results[name] = changed(data, lambda extras: [extra for extra in extras if extra.type_url != ENVELOPE])
    assert_refused(ours(), made)


def test_results_that_are_swapped_between_recipes_are_misses(ours, publish, server, new_machine):
    """Both are signed, name the outputs that are declared, and their bytes are there."""
    first, second = publish("x"), publish("y", large=b"other")
    store = new_machine("looks", server.url).store
    (one, _), (two, _) = places(server, first, store), places(server, second, store)
    server.results[one], server.results[two] = server.results[two], server.results[one]
    assert_refused(ours(), first, second)


def test_an_old_result_is_not_replayed_for_another_action(with_inputs, publish, server, new_machine):
    old, new = publish("x"), publish("y", large=b"other")
    store = new_machine("looks", server.url).store
    data = server.results[places(server, old, store)[1]]
    for name in places(server, new, store):
        server.results[name] = data
    machine = with_inputs("y")
    assert_refused(machine, new)
    assert by_action(machine, new) is None
    assert len(machine.told) == 2  # another action's result is told even by who trusts anybody


@pytest.mark.parametrize("place", [0, 1], ids=["recipe", "action"])
def test_an_entry_counts_only_where_it_was_signed_for(with_inputs, publish, server, new_machine, place):
    """The same action's result, signed, found by the other of its two keys."""
    made = publish("x")
    both = places(server, made, new_machine("looks", server.url).store)
    server.results[both[place]] = server.results[both[1 - place]]
    machine = with_inputs("x")
    assert (by_recipe, by_action)[place](machine, made) is None
    assert (by_recipe, by_action)[1 - place](machine, made) is not None
    assert len(machine.told) == 1


def test_outputs_that_are_exchanged_under_a_signature_are_a_miss(ours, publish, server):
    """The envelope stays, what is beside it becomes the result of somebody else."""
    made, other = publish("x"), publish("y", STRANGER, large=b"evil")
    for name, data in server.results.items():
        found = decode_remote(data)
        if found.key == made.action.key:
            server.results[name] = grafted(server, other, found)
    assert_refused(ours(), made)
    assert b"evil" in server.blobs.values()


def test_a_forged_signature_that_claims_to_be_the_builders_is_a_miss(ours, publish, server):
    """The key's name is a hint: it is what the signature is checked with that counts."""
    made = publish("x", Forger(STRANGER.seed))
    assert "signature" in assert_refused(ours(), made)


def test_other_bytes_than_those_that_are_signed_are_never_taken(ours, publish, server):
    made = publish("x")
    machine = ours()
    assert by_recipe(machine, made) is not None
    server.is_.spoil = lambda data: bytes((data[0] ^ 1,)) + data[1:]
    files = {item.digest for item in made.result.files}
    root = made.result.output("out/tree").root
    assert machine.remotes.bring(files, [root]) == {*files, root}
    assert not any(map(machine.store.blobs.has, files))


def test_who_trusts_anybody_gets_what_is_not_signed(new_machine, server, publish):
    made = publish("x", None)
    assert by_recipe(new_machine("ours", server.url), made) is not None


class Forger(SigningKey):
    """Signs with its own key, and says that the builder did."""

    def public(self):
        return BUILDER.public()

    def sign(self, payload):
        return replace(SigningKey.sign(self, payload), keyid=BUILDER.sign(b"").keyid)


def changed(data, change):
    """A result with other auxiliary metadata."""
    message = re.ActionResult.FromString(data)
    kept = [Any.FromString(extra.SerializeToString()) for extra in change(message.execution_metadata.auxiliary_metadata)]
    del message.execution_metadata.auxiliary_metadata[:]
    message.execution_metadata.auxiliary_metadata.extend(kept)
    return message.SerializeToString()


def grafted(server, other, found: RemoteResult):
    """Another's result under the key and the envelope of this one."""
    (theirs, *_) = [decoded for data in server.results.values() if (decoded := decode_remote(data)).key == other.action.key]
    return encode_remote(replace(theirs, key=found.key, envelope=found.envelope))
