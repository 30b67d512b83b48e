"""initramfs segments: a layer as a newc cpio archive below a prefix, compressed on its own, to be concatenated with others.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst and init/initramfs.c. Each segment ends with TRAILER!!!, at which
the kernel forgets hard links (do_name: free_hash), so inode numbers need to be unique within a segment only. The kernel opens a
known inode's file again without truncating it where the later entry has no content (do_name, maybe_link): content comes with the
first name. Knows nothing of images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO, Final

from lkbuild.image.compression import zstd_frame
from lkbuild.image.entries import MTIME, Entry, Kind, parents
from lkbuild.image.errors import ArchiveError
from lkbuild.image.tar import Content, tar_members

_NAME_MAX: Final = 4096  # N_ALIGN(PATH_MAX) in init/initramfs.c: a longer name is skipped in silence
_TRAILER: Final = "TRAILER!!!"
_SIZE_MAX: Final = (1 << 32) - 1  # eight hexadecimal digits
_TYPES: Final = {
    Kind.FILE: 0o100000,
    Kind.HARDLINK: 0o100000,
    Kind.DIRECTORY: 0o040000,
    Kind.SYMLINK: 0o120000,
    Kind.CHARACTER: 0o020000,
    Kind.BLOCK: 0o060000,
    Kind.FIFO: 0o010000,
}


def layer_to_cpio(layer: BinaryIO, prefix: str = "") -> Iterator[bytes]:
    """A layer's entries as newc, with the prefix's directories before them, in chunks. A multiple of 4 bytes.

    The format has no place for extended attributes: file capabilities, which no Debian package carries, do not survive it.

    Args:
        layer: a canonical layer, seekable, from its start: read twice, since a file's first name tells how many there are.
        prefix: a clean path below which everything is placed; empty for the root.

    Raises:
        ArchiveError: a file of 4 GiB or more, or a name too long for the kernel.
    """
    start = layer.tell()
    names = Counter(entry.target for entry, _ in tar_members(layer) if entry.kind is Kind.HARDLINK)
    layer.seek(start)
    above = [*parents(prefix), prefix] if prefix else []
    yield from entries_to_cpio(_placed(layer, prefix), names, above, prefix)


def _placed(layer: BinaryIO, prefix: str) -> Iterator[tuple[Entry, Content]]:
    for entry, content in tar_members(layer):
        path = f"{prefix}/{entry.path}" if prefix else entry.path
        yield replace(entry, path=path), content


def entries_to_cpio(members: Iterable[tuple[Entry, Content]], names: Counter[str], above: list[str], prefix: str) -> Iterator[bytes]:
    """The members as newc; `names` counts the further names of a path, `above` are directories to make first."""
    inode = 0
    numbers: dict[str, int] = {}
    for path in above:
        inode += 1
        yield _header(Entry(path=path, kind=Kind.DIRECTORY), inode, 2)
    for entry, content in members:
        own = entry.path.removeprefix(f"{prefix}/") if prefix else entry.path
        inode += 1
        if entry.kind is Kind.HARDLINK:
            if entry.target not in numbers:
                raise ArchiveError("a hard link before its file", member=entry.path)
            yield _header(entry, numbers[entry.target], 1 + names[entry.target])
            continue
        if names[own]:
            numbers[own] = inode
        yield _header(entry, inode, 1 + names[own] + (entry.kind is Kind.DIRECTORY))
        yield from _body(entry, content)
    yield _header(Entry(path=_TRAILER, kind=Kind.FILE, mode=0), 0, 1, trailer=True)


def _body(entry: Entry, content: Content) -> Iterator[bytes]:
    if entry.kind is Kind.SYMLINK:
        target = _bytes(entry.target)
        yield target + bytes(-len(target) % 4)
    elif entry.size:
        yield from content.chunks()
        yield bytes(-entry.size % 4)


def _header(entry: Entry, inode: int, links: int, *, trailer: bool = False) -> bytes:
    name = _bytes(entry.path) + b"\0"
    size = len(_bytes(entry.target)) if entry.kind is Kind.SYMLINK else entry.size
    if entry.path == _TRAILER and not trailer:
        raise ArchiveError("a name that ends an initramfs", member=entry.path)
    if len(name) > _NAME_MAX or (entry.kind is Kind.SYMLINK and size >= _NAME_MAX):
        raise ArchiveError("a name too long for the kernel's initramfs", member=entry.path[:80])
    if size > _SIZE_MAX:
        hint = (
            "a root that is a file system can hold it: .kernel+squashfs, .kernel+erofs, .disk, and boot media, which bring a squashfs along"
        )
        raise ArchiveError("a file of 4 GiB or more can't be in an initramfs", member=entry.path, hint=hint)
    mode = 0 if trailer else _TYPES[entry.kind] | entry.mode
    time = 0 if trailer else MTIME
    fields = (inode, mode, entry.uid, entry.gid, links, time, size, 0, 0, *entry.device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4)


def compressed(chunks: Iterable[bytes], *, level: int = 19, threads: int = 1) -> Iterator[bytes]:
    """One zstd frame, padded with zeros to a multiple of 4, which the kernel skips between segments."""
    size = 0
    for data in zstd_frame(chunks, level=level, threads=threads):
        size += len(data)
        yield data
    if size % 4:
        yield bytes(-size % 4)


def segment(layer: BinaryIO, prefix: str = "", *, level: int = 19, threads: int = 1) -> Iterator[bytes]:
    """A layer as one compressed initramfs segment, in chunks: see layer_to_cpio and compressed."""
    return compressed(layer_to_cpio(layer, prefix), level=level, threads=threads)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
