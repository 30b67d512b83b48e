"""Kernels uncompressed, as small hypervisors take them. Runs inside the sandbox, with zstd.

Sources: linux Documentation/arch/x86/boot.rst (payload_offset, payload_length), drivers/firmware/efi/libstub/zboot-header.S.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import subprocess

SECTOR = 512


def payload(image: bytes) -> bytes:
    """The compressed kernel within what boot loaders take; all of it where there is no wrapping."""
    if image[0x202:0x206] == b"HdrS":  # bzImage
        setup = (image[0x1F1] or 4) + 1
        offset, size = struct.unpack_from("<II", image, 0x248)
        return image[setup * SECTOR + offset :][: size - 4]  # its last word is the size when unpacked
    if image[4:8] == b"zimg":  # EFI zboot
        offset, size = struct.unpack_from("<II", image, 8)
        return image[offset : offset + size]
    return image


def plain(source: str, out: str) -> None:
    """Take the kernel out of its wrapping and unpack it."""
    with open(source, "rb") as file:
        data = payload(file.read())
    with open(out, "wb") as file:
        file.write(unpacked(data))


def unpacked(data: bytes) -> bytes:
    """By what it begins with."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dc"], input=data, check=True, capture_output=True).stdout
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\xfd7zXZ"):
        return lzma.decompress(data)
    return data
