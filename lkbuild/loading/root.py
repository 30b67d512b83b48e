"""Where the workspace is: walks up from a directory. Imports no YAML parser, so that a command can ask before it loads anything."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lkbuild.base.errors import LoadError
from lkbuild.loading.listing import BUILD_FILE

#: The section's key at the start of a line: as every root BUILD.yaml has it, however broken the rest of the file may be.
_SECTION: Final = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?workspace["']?[ \t]*:""", re.MULTILINE)
_LIMIT: Final = 4 << 20


def find_workspace(start: Path) -> Path:
    """The nearest directory at or above `start` whose BUILD.yaml has a workspace section, as an absolute path.

    Raises:
        LoadError: there is none; or a BUILD.yaml on the way can't be read.
    """
    found = workspace_above(start)
    if found is None:
        raise LoadError(
            f"no workspace here: neither {start.absolute()} nor a directory above it has a BUILD.yaml with a workspace section",
            hint=_hint(start),
        )
    return found


def workspace_above(start: Path) -> Path | None:
    """As `find_workspace`, but None where there is none."""
    return next((path.parent for path, data in _build_files(start) if _SECTION.search(data)), None)


def _build_files(start: Path) -> Iterator[tuple[Path, bytes]]:
    """The BUILD.yaml in a directory and in those above it, from below, with their first bytes. Raises LoadError where one can't be read."""
    here = start.absolute()
    for directory in (here, *here.parents):
        path = directory / BUILD_FILE
        try:
            with path.open("rb") as file:
                data = file.read(_LIMIT)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            raise LoadError(f"can't read {path}: {error.strerror}", hint="make it readable") from None
        yield path, data


def _hint(start: Path) -> str:
    """What to do where there is no workspace: of BUILD.yaml files without a section, the uppermost is meant to be the root's."""
    for path, data in reversed(list(_build_files(start))):
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return f"save {path} as UTF-8: it is UTF-16"
        return f"if {path.parent} is the root, begin {path} with workspace: {{name: NAME}}"
    return "go to a workspace, or make one with lkbuild init"
