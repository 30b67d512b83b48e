"""What a SHA-256 server calls an action is what it would compute itself from the messages that we send: generated code is the judge."""

import hashlib

import pytest
from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as re
from harness.actions import make_publication

from lkbuild.base.digest import Digest
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionSpec, DeclaredOutput, EncodedAction
from lkbuild.model.ports import BlobMissing
from lkbuild.model.tree import Layout
from lkbuild.remote.names import BLAKE3, SHA256
from lkbuild.remote.naming import Naming
from lkbuild.store.memory import MemoryStore


@pytest.fixture
def store(tmp_path):
    return MemoryStore(tmp_path)


@pytest.fixture
def publication(store, tmp_path):
    return make_publication(store.blobs, tmp_path / "made")


def sha256(data):
    return re.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


class Translated:
    """Our tree, encoded by generated code with the names of another function."""

    def __init__(self, store, messages):
        self.store, self.messages = store, messages

    def digest(self, root):
        data = self.messages.get(root) or self.store.blobs.get_bytes(root)
        directory = re.Directory.FromString(data)
        for node in directory.files:
            node.digest.CopyFrom(sha256(self.store.blobs.get_bytes(Digest(node.digest.hash, node.digest.size_bytes))))
        for node in directory.directories:
            node.digest.CopyFrom(self.digest(Digest(node.digest.hash, node.digest.size_bytes)))
        return sha256(directory.SerializeToString(deterministic=True))


def test_an_action_is_translated_with_everything_in_it(store, publication):
    messages = publication.action.messages
    name, sent = Naming(SHA256, store.blobs).action(publication.action)
    ours = re.Action.FromString(messages[publication.action.key])
    command = re.Command.FromString(messages[Digest(ours.command_digest.hash, ours.command_digest.size_bytes)])
    translated = Translated(store, messages)
    (root,) = (item for item in command.platform.properties if item.name == "chrootRootDirectory")
    chroot = translated.digest(Digest.parse(root.value))
    root.value = f"{chroot.hash}/{chroot.size_bytes}"
    for item in ours.platform.properties:
        if item.name == "chrootRootDirectory":
            item.value = root.value
    command_bytes = command.SerializeToString(deterministic=True)
    ours.command_digest.CopyFrom(sha256(command_bytes))
    ours.input_root_digest.CopyFrom(translated.digest(Digest(ours.input_root_digest.hash, ours.input_root_digest.size_bytes)))
    expected = ours.SerializeToString(deterministic=True)
    assert sorted(sent.values()) == sorted((expected, command_bytes))
    assert (name.hash, name.size) == (sha256(expected).hash, len(expected))


def test_a_blake3_server_calls_everything_as_we_do(store, publication):
    name, sent = Naming(BLAKE3, store.blobs).action(publication.action)
    assert name == publication.action.key
    assert all(Digest.of(data) == digest for digest, data in sent.items())


def test_what_only_the_bytes_could_tell_is_missing_without_them(publication, tmp_path):
    with pytest.raises(BlobMissing):
        Naming(SHA256, MemoryStore(tmp_path / "empty").blobs).action(publication.action)


def test_a_file_that_holds_what_a_directory_is_encoded_as_has_a_name_of_its_own(store, tmp_path):
    root = store.blobs.put_tree(make_folder(tmp_path / "tree"))
    naming = Naming(SHA256, store.blobs)
    as_directory = naming.directory(root, {})
    assert naming.blob(root).hash == hashlib.sha256(store.blobs.get_bytes(root)).hexdigest() != as_directory.hash
    assert naming.directory(root, {}) == as_directory


def make_folder(path):
    path.mkdir()
    (path / "file").write_bytes(b"content")
    return path


def test_a_name_that_was_computed_is_remembered_by_the_store(store):
    digest = store.blobs.put_bytes(b"content")
    name = Naming(SHA256, store.blobs).blob(digest)
    assert store.blobs.sha256_of(digest) == name.hash == hashlib.sha256(b"content").hexdigest()


def test_an_action_that_takes_nothing_in_has_an_empty_root(store):
    action, directories = make_action(ActionSpec(arguments=("x",), outputs=(DeclaredOutput("y"),)), Layout({}), None)
    key, messages = encode_action(action)
    name, sent = Naming(SHA256, store.blobs).action(EncodedAction(key, {**directories, **messages}))
    assert re.Action.FromString(sent[name]).input_root_digest == sha256(b"")


@pytest.mark.parametrize("function", [BLAKE3, SHA256])
def test_a_recipe_is_an_action_that_a_server_can_read(store, function):
    recipe = Digest.of(b"a recipe")
    name, sent = Naming(function, store.blobs).recipe(recipe)
    action = re.Action.FromString(sent[name])
    (command,) = (re.Command.FromString(data) for digest, data in sent.items() if digest.hash == action.command_digest.hash)
    assert list(command.arguments) == ["lkbuild:recipe", "1", str(recipe)]
    assert name == function.of(action.SerializeToString(deterministic=True))
