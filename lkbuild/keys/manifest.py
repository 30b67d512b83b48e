"""The one walk over what makes an action what it is.

`walk_command` and `walk_action` visit the fields of REAPI's Command and Action in tag order; the action key is the digest of what
they write. `walk_recipe` visits an action before its inputs exist. Which sink listens decides whether a key or its explanation comes
out. Nothing here reads files or knows a rule.
Source: build.bazel.remote.execution.v2, Command and Action (reference/reapi.md 2.3, canonicalisation 2.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from lkbuild.base.digest import Digest
from lkbuild.keys.sinks import BytesSink, Sink
from lkbuild.model.action import Action, ActionSpec, Command, Input
from lkbuild.model.artifact import Inline, Output, SourceFile
from lkbuild.model.tree import File, Layout, Subtree

#: Changed when what an executor provides changes in a way that results depend on (the fixed environment, say): disowns all results.
SALT: Final = b"lkbuild.v1"
CHROOT_PROPERTY: Final = "chrootRootDirectory"
_RECIPE_TAG: Final = "lkbuild.recipe.v1"

T = TypeVar("T")


def walk_command(command: Command, sink: Sink) -> None:
    """Visit a Command: fields 1 arguments, 2 environment, 5 platform, 6 working directory, 7 output paths."""
    for index, argument in enumerate(command.arguments):
        sink.item(1, f"argument[{index}]", argument)
    for name, value in command.environment:
        sink.message(2, f"environment[{name}]", _pair(name, value))
    if command.platform:
        sink.message(5, "platform", lambda inner: _walk_platform(command.platform, inner))
    sink.text(6, "working_directory", command.working_directory)
    for path in command.output_paths:
        sink.item(7, f"output[{path}]", path)


def walk_action(action: Action, sink: Sink, *, command: Digest, layout: Layout | None = None) -> None:
    """Visit an Action whose command has that digest; with the layout of its inputs, name each of them for an explanation."""
    sink.digest(1, "command", command)
    sink.digest(2, "input_root", action.input_root)
    if layout is not None:
        for path, leaf in sorted(layout.entries.items()):
            sink.covered(f"input[{path}]", _leaf_text(leaf))
    sink.message(6, "timeout", lambda inner: inner.integer(1, "seconds", action.timeout_s))
    if not action.cacheable:
        sink.integer(7, "do_not_cache", 1)
    sink.text(9, "salt", action.salt.decode())
    if action.command.platform:
        sink.message(10, "platform", lambda inner: _walk_platform(action.command.platform, inner))


def plain(_source: SourceFile) -> bool:
    """A source that nobody asks about is no program."""
    return False


def walk_recipe(
    spec: ActionSpec,
    sink: Sink,
    *,
    source: Callable[[SourceFile], Digest],
    recipe: Callable[[Output], Digest],
    executable: Callable[[SourceFile], bool] = plain,
) -> None:
    """Visit an action by what it is made from: sources by content and executable bit, outputs of other actions by their recipe.

    Fields are numbered as in Command where they are the same thing.
    """
    sink.text(15, "tag", _RECIPE_TAG)
    for index, argument in enumerate(spec.arguments):
        sink.item(1, f"argument[{index}]", argument)
    for name, value in spec.environment:
        sink.message(2, f"environment[{name}]", _pair(name, value))
    for name, value in spec.platform:
        sink.message(5, f"platform[{name}]", _pair(name, value))
    for output in spec.outputs:
        sink.item(7, f"output[{output.path}]", output.path)
    for item in spec.inputs:
        _walk_origin(item, sink, source, recipe, executable)
    if spec.root is not None:
        _walk_origin(Input("/", spec.root), sink, source, recipe, executable)
    sink.integer(11, "timeout", spec.timeout_s)


def recipe_key(
    spec: ActionSpec,
    *,
    source: Callable[[SourceFile], Digest],
    recipe: Callable[[Output], Digest],
    executable: Callable[[SourceFile], bool] = plain,
) -> Digest:
    """The deep key of an action: computed without building anything."""
    sink = BytesSink()
    walk_recipe(spec, sink, source=source, recipe=recipe, executable=executable)
    return Digest.of(sink.result())


def encode_action(action: Action) -> tuple[Digest, Mapping[Digest, bytes]]:
    """The action key, and the Action and Command messages by digest (a remote needs both)."""
    command = BytesSink()
    walk_command(action.command, command)
    command_bytes = command.result()
    command_digest = Digest.of(command_bytes)
    sink = BytesSink()
    walk_action(action, sink, command=command_digest)
    data = sink.result()
    key = Digest.of(data)
    return key, {key: data, command_digest: command_bytes}


def make_action(spec: ActionSpec, layout: Layout, root: Digest | None) -> tuple[Action, Mapping[Digest, bytes]]:
    """The REAPI action of a spec whose inputs are known, and the Directory messages of its input root.

    Inputs lie under the working directory; the toolchain is the root file system, by the platform property that buildbox and
    Buildbarn's workers know.
    """
    inside = {f"build/{path}": leaf for path, leaf in layout.entries.items()}
    input_root, messages = Layout(inside).encode()
    platform = [*spec.platform]
    if root is not None:
        platform.append((CHROOT_PROPERTY, str(root)))
    command = Command(
        arguments=spec.arguments,
        environment=spec.environment,
        output_paths=tuple(sorted({output.path for output in spec.outputs})),
        platform=tuple(sorted(platform)),
    )
    action = Action(command=command, input_root=input_root, timeout_s=spec.timeout_s, cacheable=spec.cacheable, salt=SALT)
    return action, messages


def _walk_platform(platform: tuple[tuple[str, str], ...], sink: Sink) -> None:
    for name, value in platform:
        sink.message(1, name, _pair(name, value))


def _pair(name: str, value: str) -> Callable[[Sink], None]:
    def body(sink: Sink) -> None:
        sink.text(1, "name", name)
        sink.text(2, "value", value)

    return body


def _walk_origin(
    item: Input,
    sink: Sink,
    source: Callable[[SourceFile], Digest],
    recipe: Callable[[Output], Digest],
    executable: Callable[[SourceFile], bool],
) -> None:
    artifact = item.artifact

    def body(inner: Sink) -> None:
        inner.text(1, "path", item.path)
        match artifact:
            case SourceFile():
                inner.digest(2, "source", source(artifact))
                inner.integer(4, "executable", int(executable(artifact)))
                inner.covered("file", artifact.path)  # no part of the key: a renamed file is the same input
            case Inline():
                inner.digest(3, "inline", Digest.of(artifact.data))
                inner.integer(4, "executable", int(artifact.executable))
            case Output():
                inner.digest(5, "recipe", recipe(artifact))
                inner.text(6, "output", artifact.path)

    sink.message(12, f"input[{item.path}]", body)


def _leaf_text(leaf: File | Subtree) -> str:
    if isinstance(leaf, Subtree):
        return f"tree {leaf.root}"
    return f"{leaf.digest}{' executable' if leaf.executable else ''}"
