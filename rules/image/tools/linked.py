"""Leaves files out of the tar of a root, and sees that no program there links them. Runs inside the sandbox; standard library only.

Reads ELF files of 64 bits (System V ABI, chapter 5). A library that a program opens by a name of its own is not seen, save the one that the
C library opens by itself: whoever leaves out a file knows what it is for.
"""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

LAYERS = "layers/"
#: What glibc opens when it is asked for the end, or for the calls, of a thread (sysdeps/nptl, debug/backtrace.c): it has no link to it.
OPENED = {"libgcc_s.so.1": frozenset({"pthread_cancel", "pthread_exit", "backtrace"})}
CALLER = "libc.so.6"
LOAD, DYNAMIC = 1, 2
NEEDED, STRTAB, STRSZ, SONAME = 1, 5, 10, 14


@dataclass(frozen=True)
class Linked:
    """A program's or library's own name, the libraries that it links, and all the names in its table of dynamic symbols."""

    soname: str
    needed: frozenset[str]
    names: frozenset[str]


def leave_out(source: str, out: str, patterns: list[str]) -> None:
    """Copy a tar without the files of its layers that a pattern matches (`*` stands for slashes, too)."""
    with tarfile.open(source) as archive:
        members = archive.getmembers()
        gone = {member.name for member in members if any(fnmatchcase(within(member.name), pattern) for pattern in patterns)}
        check(archive, members, gone)
        with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
            for member in members:
                if member.name not in gone:
                    target.addfile(member, archive.extractfile(member) if member.isreg() else None)


def within(name: str) -> str:
    """A path as a container sees it; "" for what is in no layer."""
    return name.removeprefix(LAYERS).partition("/")[2] if name.startswith(LAYERS) else ""


def check(archive: tarfile.TarFile, members: list[tarfile.TarInfo], gone: set[str]) -> None:
    """Fail where something that stays links what goes."""
    found = {member.name: elf for member, elf in programs(archive, members)}
    lost = {name.rpartition("/")[2] for name in gone} | {found[name].soname for name in gone if name in found}
    for name, elf in found.items():
        opened = {library for library, calls in OPENED.items() if elf.soname != CALLER and calls & elf.names}
        if name not in gone and (links := (elf.needed | opened) & lost):
            raise SystemExit(f"leave_out: {within(name) or name} needs {', '.join(sorted(links))}")
    for member in members:
        if member.islnk() and member.linkname in gone and member.name not in gone:
            raise SystemExit(f"leave_out: {within(member.name)} is another name of {within(member.linkname)}: leave out both")


def programs(archive: tarfile.TarFile, members: list[tarfile.TarInfo]) -> Iterator[tuple[tarfile.TarInfo, Linked]]:
    """The ELF files of an archive."""
    for member in members:
        file = archive.extractfile(member) if member.isreg() else None
        if file and file.read(5) == b"\x7fELF\x02":
            file.seek(0)
            yield member, linked(file.read())


def linked(data: bytes) -> Linked:
    """What an ELF file says of its libraries."""
    order = "<" if data[5] == 1 else ">"
    (start,), (size, count) = struct.unpack_from(f"{order}Q", data, 32), struct.unpack_from(f"{order}HH", data, 54)
    heads = [struct.unpack_from(f"{order}IIQQQQ", data, start + index * size) for index in range(count)]
    tags = [
        struct.unpack_from(f"{order}qQ", data, at)
        for kind, _, offset, _, _, length in heads
        if kind == DYNAMIC
        for at in range(offset, offset + length - 15, 16)
    ]
    values = dict(tags)
    if STRTAB not in values:
        return Linked("", frozenset(), frozenset())
    table = next(
        offset + values[STRTAB] - address
        for kind, _, offset, address, _, length in heads
        if kind == LOAD and 0 <= values[STRTAB] - address < length
    )
    strings = data[table : table + values[STRSZ]]

    def text(at: int) -> str:
        return strings[at : strings.index(b"\0", at)].decode()

    needed = frozenset(text(value) for tag, value in tags if tag == NEEDED)
    soname = text(values[SONAME]) if SONAME in values else ""
    return Linked(soname, needed, frozenset(strings.decode(errors="replace").split("\0")))
