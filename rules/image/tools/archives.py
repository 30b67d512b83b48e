"""Archives around an image: a tar of its parts, Google Cloud's, Docker's. Runs inside the sandbox; standard library only.

Does not know what is in an image.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from typing import IO

import disks

CHUNK = 1 << 20


def member(name: str, size: int) -> tarfile.TarInfo:
    """A file in an archive, with nothing of the machine that made it."""
    found = tarfile.TarInfo(name)
    found.size, found.mtime, found.mode = size, int(os.environ["SOURCE_DATE_EPOCH"]), 0o644
    return found


def pack(out: str, names: Iterable[str]) -> None:
    """Files that lie here."""
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in names:
            add(archive, name, name)


def add(archive: tarfile.TarFile, name: str, source: str) -> None:
    """A file under another name."""
    with open(source, "rb") as file:
        archive.addfile(member(name, os.path.getsize(source)), file)


class Filled(io.RawIOBase):
    """A file with zeros behind its end: a disk that is as large as a format wants, which is nowhere on a disk here."""

    def __init__(self, file: IO[bytes]) -> None:
        """Take the file."""
        self.file = file

    def read(self, size: int = -1) -> bytes:
        """So many bytes, whatever is left of the file."""
        return self.file.read(size).ljust(size, b"\0")


def gcp(disk: str, out: str) -> None:
    """Google Cloud's: a gzipped tar with disk.raw, a whole number of GiB (cloud.google.com/compute/docs/import/import-existing-image)."""
    size = -(-os.path.getsize(disk) // disks.GIB) * disks.GIB
    with (
        open(out, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
        open(disk, "rb") as file,
    ):
        archive.addfile(member("disk.raw", size), Filled(file))


def docker(root: str, out: str) -> None:
    """What `docker load` takes, of any age: one layer as a tar, the configuration, and manifest.json (moby: image/spec/v1.2.md)."""
    with open(root, "rb") as file:
        layer = hashlib.file_digest(file, "sha256").hexdigest()
    name = os.environ["NAME"]
    config = {
        "architecture": os.environ["ARCH"],
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": ["/init"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "lkbuild"}],
    }
    text = json.dumps(config, sort_keys=True).encode()
    digest = hashlib.sha256(text).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": [f"{name}:latest"], "Layers": [f"{layer}.tar"]}]
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as archive:
        add(archive, f"{layer}.tar", root)
        for path, data in ((f"{digest}.json", text), ("manifest.json", json.dumps(manifest).encode())):
            archive.addfile(member(path, len(data)), io.BytesIO(data))
