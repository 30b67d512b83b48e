"""Zip archives (wheels, some sources) unpacked to a plain directory, under the same rules as a tar. Does not know the store.

Source: PKWARE APPNOTE 4.4.15: the upper half of the external attributes are Unix modes where the archive was made on Unix.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from lkbuild.image.entries import DEFAULT_LIMITS, Entry, Kind, Limits, clean
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tree import TreeWriter, stripped_of

_LINK_MAX: Final = 4096


def unpack_zip(file: BinaryIO, destination: Path, *, strip: int = 0, limits: Limits = DEFAULT_LIMITS) -> None:
    """A zip as a plain directory. `strip` leaves out so many leading segments.

    Args:
        file: the archive, seekable.
        destination: an empty directory, or one to be made.
        strip: how many leading segments of each path to leave out.
        limits: what it may come to.

    Raises:
        ArchiveError: damage, an encrypted member, a path or link that leaves the tree, more than the limits.
    """
    writer = TreeWriter(destination)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            # zipfile gives no more bytes than a member declares, and checks its CRC: the sum of the declared sizes is the limit.
            if len(members) > limits.entries or sum(member.file_size for member in members) > limits.total_bytes:
                raise ArchiveError("more than the limits when unpacked")
            for member in members:
                _unpack(writer, archive, member, strip)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError, ValueError) as error:
        raise ArchiveError(f"damaged zip ({error})") from error


def _unpack(writer: TreeWriter, archive: zipfile.ZipFile, member: zipfile.ZipInfo, strip: int) -> None:
    path = clean(member.filename.replace("\\", "/"))
    mode = member.external_attr >> 16 if member.create_system == 3 else 0  # 3: Unix
    if not path:
        return
    if member.is_dir():
        entry = Entry(path=path, kind=Kind.DIRECTORY)
    elif stat.S_ISLNK(mode):
        if member.file_size > _LINK_MAX:
            raise ArchiveError("a symbolic link with a long target", member=path)
        entry = Entry(path=path, kind=Kind.SYMLINK, target=archive.read(member).decode("utf-8", "surrogateescape"))
    elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
        entry = Entry(path=path, kind=Kind.FILE, mode=mode & 0o777 or 0o644, size=member.file_size)
    else:
        raise ArchiveError("a special file in a zip", member=path)
    if (stripped := stripped_of(entry, strip)) is None:
        return
    with archive.open(member) as content:
        writer.add(stripped, content)
