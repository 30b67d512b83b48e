"""A file server: a disk is PUT under its name, as a stream, or copied into a folder of this machine. Does not know what it is for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from lkbuild.base.atomic import replacing
from lkbuild.base.errors import HostError, RemoteFailed
from lkbuild.base.values import dataclass
from lkbuild.clouds.destination import Address, Disk, Note

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`https://HOST/FOLDER`, or http: PUT, as WebDAV and object stores have it. Without credentials: a signed URL has its own."""

    url: str
    group: str = "raw-efi"

    @classmethod
    def at(cls, address: Address) -> Server:
        """The query is the server's own."""
        return cls(url=address.text)

    def target(self, disk: Disk) -> str:
        """Where the disk goes: into a folder, under its own name, where the address ends with a slash."""
        return self.url + disk.path.name if self.url.endswith("/") else self.url

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        return (f"PUT {self.target(disk)} ({disk.size} bytes)",)

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination."""
        import urllib3  # noqa: PLC0415 - takes longer to import than a build that has nothing to do

        target = self.target(disk)
        headers = {"Content-Length": str(disk.size), "Content-Type": "application/octet-stream"}
        try:
            answer = urllib3.PoolManager(retries=False).request("PUT", target, body=_chunks(disk), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise RemoteFailed(f"{target} can't be reached: {error}") from error
        if answer.status not in (200, 201, 204):
            raise RemoteFailed(f"{target} refuses (HTTP {answer.status})", hint="the server must take PUT")
        note(f"sent {disk.size} bytes")
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """`file:///FOLDER`: a folder of this machine, or one that is mounted."""

    folder: Path
    group: str = "raw-efi"

    @classmethod
    def at(cls, address: Address) -> Folder:
        """Raises UsageError for an address with options."""
        address.chosen()
        return cls(folder=Path("/" + address.name.lstrip("/")))

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        return (f"copy to {self.folder / disk.path.name} ({disk.size} bytes)",)

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination. A reader never sees half a file."""
        target = self.folder / disk.path.name
        try:
            with disk.path.open("rb") as source, replacing(target) as file:
                shutil.copyfileobj(source, file, _CHUNK)
        except OSError as error:
            raise HostError(f"can't write {target}: {error.strerror}") from error
        note(f"copied {disk.size} bytes")
        return str(target)


def _chunks(disk: Disk) -> Iterator[bytes]:
    with disk.path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
