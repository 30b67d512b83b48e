"""What the loader asks about directories: the one port between its pure parts and the disk."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol

BUILD_FILE: Final = "BUILD.yaml"


class Entry(Enum):
    """What a directory entry is. Links to files count as files; links to directories are apart: they are never entered."""

    FILE = "file"
    DIRECTORY = "directory"
    LINKED_DIRECTORY = "linked directory"
    OTHER = "other"


class Files(Protocol):
    """Directories and small files of a workspace, by workspace-relative path with forward slashes ("" is the root)."""

    def entries(self, directory: str) -> Mapping[str, Entry] | None:
        """The entries of a directory by name, or None where there is no such directory. Raises LoadError if it can't be read."""
        ...

    def read(self, path: str, limit: int) -> bytes | None:
        """A file's bytes, at most `limit` and one more; None where there is none. Raises LoadError if it can't be read."""
        ...

    def skipped(self, directory: str) -> bool:
        """Whether wildcards leave a directory out: outputs, caches, what the workspace ignores."""
        ...


def join(directory: str, name: str) -> str:
    """A path below a directory, where "" is the root."""
    return f"{directory}/{name}" if directory else name


def is_package(files: Files, directory: str) -> bool:
    """Whether a directory has a BUILD.yaml (of whatever kind: one that is a directory is an error when it is loaded)."""
    return BUILD_FILE in (files.entries(directory) or ())
