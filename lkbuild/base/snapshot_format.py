"""The format of snapshots: what a no-op build looked at and what it said, so that the next one can end after a stat of each file.

One small module that both sides import: `lkbuild.app.snapshot` writes, `lkbuild.cli.fast` reads before anything else is imported, so
nothing but modules that Python has loaded at its start may be imported here. It does not know what the files are.

A snapshot is `<cache>/snapshots/<key>-<workspace>`, of two parts. The head: its length and its CRC-32, four bytes each, then marshal
(the cache is the user's own; another Python's marshal has another key) of a tuple: key, root, paths that did not exist, what is said on
stdout and stderr where nothing has changed, and the checksum of the baseline that belongs to it (lkbuild.app.baseline_file; 0: there is
none). Texts are pairs around the place where the time taken stands; None: they are not known. A row of zeros is no file's, and always a
change: that file had changed too lately for its stat to tell. The rest is for lkbuild/base/unchanged too, so all numbers are this
machine's, of 64 bits: how many files there are, the stats of each (`packed`), and their paths relative to root, each with a zero byte
after it.
"""

from __future__ import annotations

import marshal
import os
import sys
from _operator import attrgetter  # operator itself is a module in Python, half a millisecond
from itertools import chain
from zlib import crc32

from lkbuild import __version__
from lkbuild.base.boots import boot_id

TYPE_CHECKING = False  # typing itself costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypeAlias

    #: Plain values, as marshal takes them.
    Key: TypeAlias = tuple[Any, ...]
    #: What a command says around the place where the time taken stands.
    Text: TypeAlias = tuple[bytes, bytes]
    #: The same on stdout and stderr.
    Said: TypeAlias = tuple[Text, Text]

#: Raised when the tuple's meaning changes.
FORMAT = 5
FOLDER = "snapshots"
#: How many are kept of one workspace, and of all together.
PER_WORKSPACE, IN_ALL = 8, 64
#: A file changed less than this before a build began might change again without its stat telling: git's racy rule, and two seconds
#: because that is the coarsest clock of a file system in use (FAT).
RACY_NS = 2_000_000_000

#: What is compared of each file.
FIELDS = ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_mode")
stat_of = attrgetter(*FIELDS)


#: Bytes of the head's length and sum, and of a count.
PREFIX, WORD = 8, 8
_HALF = 1 << 63


def packed(stats: Sequence[Iterable[int]]) -> bytes:
    """Stats as one text, the same for the same numbers."""
    from array import array  # noqa: PLC0415 - lkbuild/base/unchanged does it mostly

    try:
        return array("q", chain.from_iterable(stats)).tobytes()
    except OverflowError:  # nanoseconds of a year after 2262: wrapped, as lkbuild/base/unchanged has them
        return array("q", ((number + _HALF) % (2 * _HALF) - _HALF for number in chain.from_iterable(stats))).tobytes()


def written(head: tuple[Any, ...], paths: Sequence[str], rows: bytes) -> bytes:
    """A snapshot as it is kept. `rows`: the stats of the paths, packed."""
    data = marshal.dumps(head)
    prefix = len(data).to_bytes(4, sys.byteorder) + crc32(data).to_bytes(4, sys.byteorder)
    names = os.fsencode("\0".join(paths)) + b"\0" if paths else b""
    return b"".join((prefix, data, len(paths).to_bytes(WORD, sys.byteorder), rows, names))


class Found:
    """A snapshot that is there.

    Attributes:
        file, offset: where it lies, and where its head ends.
        root: the workspace.
        missing: paths that did not exist.
        said: on stdout and stderr, or None.
        baseline: the checksum of the baseline that belongs to it, or 0.
    """

    __slots__ = ("baseline", "file", "missing", "offset", "root", "said")

    def __init__(self, file: str, offset: int, root: str, missing: Sequence[str], said: Said | None, baseline: int) -> None:
        self.file, self.offset, self.root, self.missing, self.said, self.baseline = file, offset, root, missing, said, baseline


def find(key: Key, cache: str) -> Found | None:
    """The snapshot of a key, or None where there is none or its head is damaged. Raises OSError where there are none at all."""
    folder = f"{cache}/{FOLDER}"
    name = name_of(key) + "-"
    for file in os.listdir(folder):  # noqa: PTH208 - pathlib costs 5 ms
        if file.startswith(name):
            path = f"{folder}/{file}"
            with open(path, "rb", 0) as opened:  # noqa: PTH123 - the same
                prefix = opened.read(PREFIX)
                # A damaged size must not be asked for as memory.
                head = read_head(prefix, opened.read(min(head_size(prefix), os.fstat(opened.fileno()).st_size)))
                if head is not None and len(head) == 5 and head[0] == key:
                    return Found(path, opened.tell(), *head[1:])
            return None
    return None


def head_size(prefix: bytes) -> int:
    """The head's size by the first bytes of a snapshot."""
    return int.from_bytes(prefix[:4], sys.byteorder)


def read_head(prefix: bytes, data: bytes) -> tuple[Any, ...] | None:
    """The head of a snapshot, or None where it is damaged."""
    if len(data) != head_size(prefix) or crc32(data) != int.from_bytes(prefix[4:], sys.byteorder):
        return None
    head = marshal.loads(data)  # noqa: S302 - the user's own cache folder, and as it was written
    return head if isinstance(head, tuple) else None


#: Variables beside LKBUILD_* that a build or its output depends on.
_VARIABLES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "CI")


def key_of(arguments: Sequence[str], environment: Mapping[str, str], cwd: str) -> Key:
    """Everything that decides what a command does and how it says so, apart from files; and the boot within which stats are believed."""
    chosen = [(name, environment[name]) for name in sorted(environment) if name.startswith("LKBUILD_") or name in _VARIABLES]
    terminals = (os.isatty(1), os.isatty(2))
    return FORMAT, boot_id(), __version__, __file__, sys.version, os.uname().machine, cwd, tuple(arguments), tuple(chosen), terminals


def name_of(key: Key) -> str:
    """A short name for a key. Names may collide: a snapshot holds its whole key. Not hashlib's (3 ms), nor `hash` (by process)."""
    return f"{crc32(repr(key).encode('utf-8', 'surrogateescape')):08x}"


def cache_folder(arguments: Sequence[str], environment: Mapping[str, str], cwd: str) -> str:
    """Where the store is, as far as it can be told without the parser. A wrong guess finds no snapshot, and no more than that."""
    chosen = environment.get("LKBUILD_CACHE", "")
    for at, argument in enumerate(arguments):
        if argument.startswith("--cache="):
            chosen = argument.partition("=")[2]
        elif argument == "--cache" and at + 1 < len(arguments):
            chosen = arguments[at + 1]
    if chosen:
        return os.path.join(cwd, chosen)  # noqa: PTH118 - pathlib costs 5 ms
    base = environment.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        return f"{base}/lkbuild"
    return f"{home_of(environment)}/.cache/lkbuild"


def home_of(environment: Mapping[str, str]) -> str:
    """The user's folder: HOME, else what the system knows of who runs this, as shells have it for `~`."""
    home = environment.get("HOME", "")
    if home.startswith("/"):
        return home
    import pwd  # noqa: PLC0415 - HOME is there mostly

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/tmp"  # noqa: S108 - a user whom the system does not know: nothing better is known
