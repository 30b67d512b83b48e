"""Artifacts: references to bytes that a build can use before they exist.

An artifact is a file of the workspace, bytes that a rule wrote, or an output of an action. None of them carries a digest:
those are known when the build runs. Pure values.
"""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from lkbuild.base.label import Label
from lkbuild.base.restoring import restored_quickly
from lkbuild.base.values import dataclass


@restored_quickly
@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """A file of the workspace, by its path from the root, with forward slashes."""

    path: str


@dataclass(frozen=True, slots=True, order=True)
class Inline:
    """Bytes that a rule made from its attributes."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True, order=True)
class ActionId:
    """Names an action within one build: the node that owns it and its number there.

    The configuration is part of the owner's text, so that one label in two configurations has two identities.
    """

    owner: str
    index: int

    def __str__(self) -> str:
        return f"{self.owner}#{self.index}"


@dataclass(frozen=True, slots=True, order=True)
class Output:
    """An output of an action.

    Attributes:
        action: the action that makes it.
        path: as the action declares it, relative to its working directory.
        tree: a directory rather than a file.
    """

    action: ActionId
    path: str
    tree: bool = False

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, order=True)
class TargetRef:
    """A label in a file attribute: stands for the default outputs of that target until analysis resolves it."""

    label: Label


Artifact: TypeAlias = SourceFile | Inline | Output


@dataclass(frozen=True, slots=True)
class NamedArtifact:
    """An artifact with the file name that a user sees when it is materialised."""

    name: str
    artifact: Artifact = field(compare=True)
