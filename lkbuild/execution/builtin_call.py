"""What a builtin is given, and what it gives back.

A builtin is an action that the engine does in its own process because it is a pure transformation of bytes that the store
streams: fetching, unpacking, archiving. It does not know targets, and it must be a function of its arguments and inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.base.values import dataclass
from lkbuild.model.action import DeclaredOutput, OutputFile, OutputTree
from lkbuild.model.ports import BlobStore, Fetcher, ImageBuilder
from lkbuild.model.tree import File, Subtree


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinCall:
    """One call.

    Attributes:
        arguments: after name and version.
        inputs: by path, in the order in which the action lists them.
        outputs: as declared.
        sources: for a fetch: where from.
        blobs: the store.
        fetcher: brings bytes from outside.
        scratch: an empty folder that is removed afterwards.
        progress: to be told (bytes done, bytes in total or None).
        cancelled: whether the user has had enough.
        images: builds Dockerfiles.
        timeout_s: how long it may take.
        fresh: nothing that is remembered of an earlier run counts.
    """

    arguments: tuple[str, ...]
    inputs: Mapping[str, File | Subtree]
    outputs: tuple[DeclaredOutput, ...]
    sources: tuple[str, ...]
    blobs: BlobStore
    fetcher: Fetcher
    scratch: Path
    progress: Callable[[int, int | None], None]
    cancelled: Callable[[], bool]
    images: ImageBuilder
    timeout_s: int
    fresh: bool

    def file(self, path: str) -> File:
        """An input that must be a file."""
        found = self.inputs[path]
        if not isinstance(found, File):
            raise BuildFailed(f"input {path} is a directory, where a file is needed")
        return found

    def files(self) -> tuple[tuple[str, File], ...]:
        """All inputs, which must be files."""
        return tuple((path, self.file(path)) for path in self.inputs)

    def made(self, digest: Digest, *, executable: bool = False) -> tuple[OutputFile]:
        """The answer of a builtin with one output file."""
        return (OutputFile(self.outputs[0].path, digest, executable),)


class Builtin(Protocol):
    """A function that does a builtin. Raises BuildFailed (or a subclass) where it can't."""

    def __call__(self, call: BuiltinCall) -> tuple[OutputFile | OutputTree, ...]:
        """Do it; what it made is in the store."""
        ...
