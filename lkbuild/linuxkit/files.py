"""`files:` of a configuration: what each entry is, checked as LinuxKit checks it. Pure: does not read what a source names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lkbuild.base.errors import LoadError, nearest
from lkbuild.base.values import dataclass
from lkbuild.linuxkit.config import Config, Part
from lkbuild.linuxkit.process import identity

_OCTAL: Final = re.compile(r"\+?[0-7]+\Z")
_METADATA: Final = ("yaml", "json")
#: What the header of a tar has room for: seven octal digits.
_MODES: Final = 1 << 21


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of an image.

    Attributes:
        path: clean, without leading slash.
        kind: directory, symlink, contents, source or metadata: which of them `value` is the text of ("" for a directory).
        mode, uid, gid: numbers.
        part: as it is written.
    """

    path: str
    kind: str
    value: str
    mode: int
    uid: int
    gid: int
    part: Part


def entries(config: Config, has_source: Callable[[Part], bool]) -> Iterator[FileEntry]:
    """The files of an image, in their order; an optional one without its source is left out. Raises LoadError.

    `has_source`: whether the file that an entry names as its source is there.
    """
    ids = config.ids()
    for part in config.files:
        path = _path(part)
        if "\0" in path or "\0" in part.get("symlink", ""):
            field = "path" if "\0" in path else "symlink"
            raise _error(part, field, "a zero byte ends a name", "take it out")
        mode, owner = _mode(part), _owner(part, ids)
        kind = _kind(part, path)
        if part.get("path").endswith("/") and kind not in ("directory", "symlink"):
            raise _error(part, "path", f"'{path}' names a directory, and this is a file", "write the file's name, or directory: true")
        if kind == "source" and not has_source(part):
            if part.get("optional", False):
                continue
            raise _error(part, "source", f"no file '{part.get('source')}'", "a source is relative to the file that names it")
        yield FileEntry(
            path=path,
            kind=kind,
            value="" if kind == "directory" else part.get(kind),
            mode=mode,
            part=part,
            **owner,
        )


def _path(part: Part) -> str:
    path: str = posixpath.normpath(part.get("path", "").lstrip("/"))
    if path == ".":
        raise _error(part, "path", "a file needs a path", "write path: and where it goes in the image")
    if path.split("/", maxsplit=1)[0] == "..":
        raise _error(part, "path", f"'{part.get('path')}' leaves the image", "write where it goes in the image, without ..")
    return path


def _kind(part: Part, path: str) -> str:
    given = [name for name in ("directory", "symlink", "contents") if part.get(name) or (name == "contents" and part.get(name) is not None)]
    further = [name for name in ("source", "metadata") if part.get(name)]
    kinds = [*given, *further]
    if not kinds:
        raise _error(part, "path", f"the file '{path}' has no content", "write contents:, source:, metadata:, symlink: or directory: true")
    if len(further) > 1 or (given and further) or {"directory", "contents"} <= {*given}:
        raise _error(part, kinds[-1], f"the file '{path}' has both {kinds[0]} and {kinds[-1]}", "take one of them away")
    kind = kinds[0]
    if kind == "metadata" and part.get("metadata") not in _METADATA:
        hint = nearest(part.get("metadata"), _METADATA) or f"one of: {', '.join(_METADATA)}"
        raise _error(part, "metadata", f"no metadata in the form '{part.get('metadata')}'", hint)
    return kind


def _mode(part: Part) -> int:
    text = part.get("mode", "")
    if not text:
        return 0o700 if part.get("directory", False) else 0o600
    if not _OCTAL.match(text) or (mode := int(text, 8)) >= _MODES:
        raise _error(part, "mode", f"'{text}' is no octal mode of a file", 'write mode: "0644"')
    return mode


def _owner(part: Part, ids: Mapping[str, int]) -> dict[str, int]:
    return {name: identity(part.get(name, 0), part.places.position(name), ids) for name in ("uid", "gid")}


def _error(part: Part, field: str, message: str, hint: str) -> LoadError:
    return part.places.error((field,), message, hint)
