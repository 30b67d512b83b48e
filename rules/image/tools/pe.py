"""A unified kernel image: systemd's EFI stub with the kernel, the initrd and the command line as further sections of it.

Runs inside the sandbox; standard library only. Sources: PE Format (Microsoft), UAPI.5 Unified Kernel Images. Does not sign.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

CODE, DATA = 0x60000020, 0x40000040  # readable code, that runs; readable initialised data
CHUNK = 1 << 20
PAGE = 4096  # where sections begin in the file: a block of any medium begins there too (iso.py)


def up(value: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-value // step) * step


def unify(stub: bytes, sections: list[tuple[str, str, int]], out: BinaryIO) -> None:
    """Write the stub with sections appended: (name, path of the content, characteristics), in the order that they are measured in."""
    image = bytearray(stub)
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    if image[pe : pe + 4] != b"PE\0\0":
        raise SystemExit("the EFI stub is no PE image")
    count, optional_size = struct.unpack_from("<H12xH", image, pe + 6)
    optional, table = pe + 24, pe + 24 + optional_size
    alignment, file_alignment = struct.unpack_from("<II", image, optional + 32)
    headers_end = struct.unpack_from("<I", image, optional + 60)[0]
    end = max(sum(struct.unpack_from("<II", image, table + 40 * index + 8)) for index in range(count))
    if table + 40 * (count + len(sections)) > headers_end:
        raise SystemExit("the EFI stub has no room for more section headers")
    step = max(file_alignment, PAGE)
    image += bytes(up(len(image), step) - len(image))
    position, added = len(image), 0
    for index, (name, path, characteristics) in enumerate(sections):
        size = file_size(path)
        address, raw = up(end, alignment), up(size, step)
        header = struct.pack("<8sIIIIIIHHI", name.encode(), size, address, raw, position, 0, 0, 0, 0, characteristics)
        image[table + 40 * (count + index) : table + 40 * (count + index + 1)] = header
        end, position, added = address + size, position + raw, added + raw
    if position >= 1 << 32:
        raise SystemExit("kernel and initrd have more than 4 GiB: an EFI program can't")
    struct.pack_into("<H", image, pe + 6, count + len(sections))
    struct.pack_into("<I", image, optional + 8, struct.unpack_from("<I", image, optional + 8)[0] + added)  # SizeOfInitializedData
    struct.pack_into("<I", image, optional + 56, up(end, alignment))  # SizeOfImage
    struct.pack_into("<I", image, optional + 64, 0)  # CheckSum: firmware does not look
    out.write(image)
    for _, path, _ in sections:
        copy(path, out, up(file_size(path), step))


def file_size(path: str) -> int:
    """Bytes of a file."""
    with open(path, "rb") as file:
        return file.seek(0, 2)


def copy(path: str, out: BinaryIO, size: int) -> None:
    """A file, filled up with zeros to a size."""
    with open(path, "rb") as file:
        written = 0
        while chunk := file.read(CHUNK):
            written += out.write(chunk)
    out.write(bytes(size - written))
