"""A command as a worker of an engine takes it: the same files at the same paths, the same environment, the same user as in the sandbox.

Workers know nothing of our sandbox, only REAPI: so what the sandbox adds to a command is written out here. The toolchain and the inputs are
*one* input root, which costs one directory message, since a tree is composed by reference; the worker makes it `/`. This is another
message than the one that the action's key is made of, and is known to the engine only. Starts nothing.
"""

from __future__ import annotations

from typing import Final

from lkbuild.base.digest import Digest
from lkbuild.base.values import dataclass
from lkbuild.keys.manifest import SALT, encode_action
from lkbuild.model.action import WORK_DIRECTORY, Action, Command, EncodedAction
from lkbuild.model.ports import BlobStore, CommandRun
from lkbuild.model.tree import Directory, DirectoryNode, FileNode, Layout
from lkbuild.sandbox.plan import ACCOUNTS, FIXED_ENVIRONMENT, OWN, TEMPORARY

_ETC: Final = "etc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What an engine's workers are asked for: REAPI platform properties; how many CPUs a command is told to have, None: nothing is said."""

    platform: tuple[tuple[str, str], ...] = ()
    cpus: int | None = None


def for_worker(command: CommandRun, workers: Workers, blobs: BlobStore) -> EncodedAction:
    """The action to execute, with every message that the store does not hold. Raises BlobMissing where the toolchain is not there."""
    spec = command.planned.spec
    input_root, messages = _input_root(command, blobs)
    told = {} if workers.cpus is None else {"LKBUILD_CPUS": str(workers.cpus)}
    environment = dict(FIXED_ENVIRONMENT) | told | dict(spec.environment)
    made = Command(
        arguments=spec.arguments,
        environment=tuple(sorted(environment.items())),
        output_paths=tuple(sorted({output.path for output in spec.outputs})),
        platform=tuple(sorted({**dict(workers.platform), **dict(spec.platform)}.items())),
    )
    action = Action(command=made, input_root=input_root, timeout_s=spec.timeout_s, cacheable=spec.cacheable, salt=SALT)
    key, own = encode_action(action)
    return EncodedAction(key, {**messages, **own})


def _input_root(command: CommandRun, blobs: BlobStore) -> tuple[Digest, dict[Digest, bytes]]:
    """The toolchain's top level with the inputs below /build, and what a sandbox has whatever the tree holds."""
    inputs, messages = Layout({f"{WORK_DIRECTORY}/{path}": leaf for path, leaf in command.layout.entries.items()}).encode()
    own = {node.name: node for node in Directory.decode(messages[inputs]).directories}
    tree = Directory() if command.root is None else Directory.decode(blobs.get_bytes(command.root))
    for name in (WORK_DIRECTORY, TEMPORARY.lstrip("/")):
        if name not in own:
            own[name] = DirectoryNode(name, _add(Directory(), messages))
    if _ETC not in {node.name for node in tree.files} | {node.name for node in tree.symlinks}:
        own[_ETC] = DirectoryNode(_ETC, _add(_etc(tree, blobs), messages))
    root = Directory(
        tuple(node for node in tree.files if node.name not in OWN),
        (*(node for node in tree.directories if node.name not in OWN and node.name != _ETC), *own.values()),
        tuple(node for node in tree.symlinks if node.name not in OWN),
    )
    return _add(root, messages), messages


def _etc(tree: Directory, blobs: BlobStore) -> Directory:
    """The tree's /etc, with the sandbox's user and group where it has none."""
    found = next((node.digest for node in tree.directories if node.name == _ETC), None)
    etc = Directory() if found is None else Directory.decode(blobs.get_bytes(found))
    names = {node.name for nodes in (etc.files, etc.directories, etc.symlinks) for node in nodes}
    added = [path for path in sorted(ACCOUNTS.iterdir()) if path.name not in names]
    files = (*etc.files, *(FileNode(path.name, blobs.put_file(path)) for path in added))
    return Directory(files, etc.directories, etc.symlinks)


def _add(directory: Directory, messages: dict[Digest, bytes]) -> Digest:
    data = directory.encode()
    digest = Digest.of(data)
    messages[digest] = data
    return digest
