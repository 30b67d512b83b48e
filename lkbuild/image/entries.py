"""Entries: what a root file system is made of, apart from the content of its files. Pure values and path arithmetic.

Does not know any archive format.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from lkbuild.base.values import dataclass
from lkbuild.image.errors import ArchiveError

#: The time of everything in a layer and an initrd, in seconds since 1970: lkbuild.sandbox.plan.SOURCE_DATE_EPOCH.
MTIME: Final = 1492533000
_NAME_MAX: Final = 255  # limits.h
_PATH_MAX: Final = 4096

#: Top-level directories that are links into /usr on a merged system (Debian Policy 4.7, 9.1.1.1; usrmerge).
MERGED: Final = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


class Kind(Enum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    CHARACTER = "character device"
    BLOCK = "block device"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name of a root file system.

    Attributes:
        path: relative, clean: no empty, `.` or `..` segment, no slash at either end.
        kind: what it is.
        mode: the permission bits, setuid, setgid and sticky included.
        uid: owner.
        gid: group.
        size: bytes of content, of a file.
        target: a symbolic link's text as it stands; a hard link's clean path in the same archive.
        device: major and minor number.
        xattrs: extended attributes, sorted by name.
    """

    path: str
    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large an archive may be, unpacked: what is beyond is a bomb."""

    total_bytes: int = 16 << 30
    entries: int = 1_000_000


DEFAULT_LIMITS: Final = Limits()


def clean(name: str) -> str:
    """The clean relative path of a member's name; empty for the root itself (`./`). Raises ArchiveError for what leaves it."""
    if name.startswith("/"):
        raise ArchiveError("an absolute path", member=name)
    segments = [segment for segment in name.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise ArchiveError("a path with '..'", member=name)
    if "\0" in name or len(name) >= _PATH_MAX or any(len(_bytes(segment)) > _NAME_MAX for segment in segments):
        raise ArchiveError("a path that no file system holds", member=name[:80])
    return "/".join(segments)


def parents(path: str) -> list[str]:
    """The directories above a clean path, from the top: a/b/c has a and a/b."""
    segments = path.split("/")
    return ["/".join(segments[:count]) for count in range(1, len(segments))]


def merged(path: str) -> str:
    """Where a path lies on a system with merged /usr: bin/x is usr/bin/x."""
    head, slash, _ = path.partition("/")
    return f"usr/{path}" if slash and head in MERGED else path


def moved_link(path: str, place: str, target: str) -> str:
    """The text of a symbolic link that moved from `path` to `place`, pointing where it pointed. Absolute ones do not change."""
    if path == place or target.startswith("/"):
        return target
    pointed = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")
    return posixpath.relpath("/" + merged(pointed), "/" + posixpath.dirname(place))


def inside(path: str, target: str) -> str:
    """A symbolic link's text as a relative one that stays below the root.

    Raises:
        ArchiveError: it points out of the root.
    """
    folder = posixpath.dirname(path)
    if target.startswith("/"):
        return posixpath.relpath(posixpath.normpath("/" + target.lstrip("/")), "/" + folder)
    if not target:
        raise ArchiveError("a symbolic link to nothing", member=path)
    depth = len(folder.split("/")) if folder else 0
    for segment in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(segment, 1)
        if depth < 0:
            raise ArchiveError(f"a symbolic link that leaves the tree (to {target})", member=path)
    return target


def excluder(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a path, or a directory above it, matches one of the patterns.

    `*` and `?` stay within a segment, `**` spans segments: `usr/share/doc/**` is all below that directory.
    """
    expressions = [_translate(pattern.lstrip("/")) for pattern in patterns]
    if not expressions:
        return lambda _: False
    # A match may end at a slash: then it is a directory above.
    combined = re.compile("(?s:(?:" + "|".join(expressions) + r")(?:/.*)?)\Z")
    return lambda path: combined.match(path) is not None


def _translate(pattern: str) -> str:
    out, at = "", 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:[^/]+/)*", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".+", at + 2
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(pattern[at], re.escape(pattern[at]))
            at += 1
    return out


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
