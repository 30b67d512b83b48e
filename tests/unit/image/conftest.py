"""Makers of small archives, honest and hostile, by the standard library: not by the code under test."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
import zstandard

COMPRESSORS = {
    "": bytes,
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def tar_of(members):
    """A tar of (path, kind, content or target) or (path, kind, content or target, attributes of TarInfo)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, kind, value, *rest in members:
            info = tarfile.TarInfo(path)
            info.type = TYPES[kind]
            info.mode = 0o755 if kind == "dir" else 0o644
            for name, attribute in (rest[0] if rest else {}).items():
                setattr(info, name, attribute)
            data = value if kind == "file" else b""
            info.size = len(data)
            info.linkname = value if kind in ("symlink", "hardlink") else ""
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def ar_of(parts):
    """An ar archive of (name, data)."""
    out = b"!<arch>\n"
    for name, data in parts:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def deb_of(members, suffix=".xz"):
    """A Debian package with that data."""
    return ar_of([("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar" + suffix, COMPRESSORS[suffix](tar_of(members)))])


@pytest.fixture
def make_tar():
    return tar_of


@pytest.fixture
def make_ar():
    return ar_of


@pytest.fixture
def make_deb():
    return deb_of


@pytest.fixture
def listing():
    """(name, type, mode, value) of each member of a tar, by the standard library."""

    def read(data):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            names = {value: key for key, value in TYPES.items()}
            return [
                (m.name, names[m.type], oct(m.mode), archive.extractfile(m).read() if m.isreg() else m.linkname)
                for m in archive.getmembers()
            ]

    return read
