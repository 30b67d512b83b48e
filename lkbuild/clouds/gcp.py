"""Google Cloud: an archive with a disk goes through a bucket and becomes an image. Does not know how the disk is built.

There is no other way in: an image is imported from Cloud Storage. The object is deleted again, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lkbuild.base.errors import HostError, RemoteFailed, UsageError
from lkbuild.base.values import dataclass
from lkbuild.clouds.destination import Address, Disk, Note

_ARCHES: Final = {"amd64": "X86_64", "arm64": "ARM64"}
_PUBLIC: Final = "https://storage.googleapis.com"
#: What an image's disk can do: started by UEFI, with Google's network card, several queues of it.
_FEATURES: Final = ("UEFI_COMPATIBLE", "GVNIC", "VIRTIO_SCSI_MULTIQUEUE")
#: An upload in pieces, each of which is sent again by itself.
_CHUNK: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcp:
    """`gcp://NAME?project=P&bucket=B`, with `&family=F`: an image of that name. Credentials are found as by any tool of Google's.

    `connect` gives the clients of storage and of images; None: the SDK's.
    """

    name: str
    project: str
    bucket: str
    family: str = ""
    group: str = "gcp"
    connect: Callable[[], tuple[Any, Any]] | None = None

    @classmethod
    def at(cls, address: Address) -> Gcp:
        """Raises UsageError for an address that lacks something, or has something else in it."""
        options = address.chosen("bucket", "family", "project")
        for name in ("project", "bucket"):
            if not options.get(name):
                raise UsageError(f"gcp:// needs {name}=", hint=f"gcp://{address.name}?project=ID&bucket=NAME")
        return cls(name=address.name, project=options["project"], bucket=options["bucket"], family=options.get("family", ""))

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        family = f", family {self.family}" if self.family else ""
        return (
            f"storage: upload {self._object(disk)} to {self.bucket} ({disk.size} bytes)",
            f"images: insert {self.name} into {self.project} ({_ARCHES[disk.arch]}, UEFI{family})",
            f"storage: delete {self._object(disk)}",
        )

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination."""
        try:
            from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415 - an extra, which only a push to Google Cloud needs
            from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - the same
        except ImportError as error:
            raise HostError("a push to Google Cloud needs its SDK", hint="pip install 'lkbuild[gcp]'") from error
        try:
            storage, images = (self.connect or self._connect)()
            return self._send(disk, note, storage, images)
        except (GoogleAPIError, GoogleAuthError) as error:
            raise RemoteFailed(f"Google Cloud refuses: {error}", hint="what has been uploaded was deleted again") from error

    def _connect(self) -> tuple[Any, Any]:
        try:
            from google.cloud import compute_v1, storage  # type: ignore[attr-defined,unused-ignore]  # noqa: PLC0415 - as above; storage has no types
        except ImportError as error:
            raise HostError("a push to Google Cloud needs all of its SDK", hint="pip install 'lkbuild[gcp]'") from error
        return storage.Client(project=self.project), compute_v1.ImagesClient()

    def _object(self, disk: Disk) -> str:
        return f"{self.name}-{disk.digest[:16]}.tar.gz"

    def _send(self, disk: Disk, note: Note, storage: Any, images: Any) -> str:
        blob = storage.bucket(self.bucket).blob(self._object(disk), chunk_size=_CHUNK)
        try:
            blob.upload_from_filename(str(disk.path), content_type="application/gzip", checksum="crc32c")
            note(f"sent {disk.size} bytes")
            image: dict[str, Any] = {
                "name": self.name,
                "architecture": _ARCHES[disk.arch],
                "raw_disk": {"source": f"{_PUBLIC}/{self.bucket}/{self._object(disk)}"},
                "guest_os_features": [{"type_": feature} for feature in _FEATURES],
                "labels": {"lkbuild-digest": disk.digest[:63]},  # as long as a label may be
                **({"family": self.family} if self.family else {}),
            }
            images.insert(project=self.project, image_resource=image).result()
            return str(images.get(project=self.project, image=self.name).self_link)
        finally:
            if blob.exists():
                blob.delete()
