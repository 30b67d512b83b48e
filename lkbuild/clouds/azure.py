"""Azure: a disk is uploaded as a managed disk, and becomes an image. Does not know how the disk is built.

By direct upload: no storage account is needed, and pages of zeros are not sent. What stays is the image; the disk that it was made of is
deleted again, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lkbuild.base.errors import HostError, RemoteFailed, UsageError
from lkbuild.base.values import dataclass
from lkbuild.clouds.destination import Address, Disk, Note

#: As much as one request may write (Put Page).
PAGES: Final = 4 << 20
_ARCHES: Final = {"amd64": "x64", "arm64": "Arm64"}
_ACCESS_S: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """`azure://NAME?subscription=S&group=G&location=L`: an image of that name. Credentials are found as by any tool of Azure.

    `connect` gives the clients of managed disks and images, and a function from a disk's address to what writes its pages; None: the SDK's.
    """

    name: str
    subscription: str
    resources: str
    location: str
    group: str = "azure"
    connect: Callable[[], tuple[Any, Callable[[str], Any]]] | None = None

    @classmethod
    def at(cls, address: Address) -> Azure:
        """Raises UsageError for an address that lacks something, or has something else in it."""
        options = address.chosen("group", "location", "subscription")
        for name in ("subscription", "group", "location"):
            if not options.get(name):
                hint = f"azure://{address.name}?subscription=ID&group=NAME&location=westeurope"
                raise UsageError(f"azure:// needs {name}=", hint=hint)
        return cls(name=address.name, subscription=options["subscription"], resources=options["group"], location=options["location"])

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        sent = sum(1 for _ in disk.blocks(PAGES))
        return (
            f"disks: create {self._disk} for an upload of {disk.size} bytes in {self.resources} ({self.location})",
            f"Put Page for {sent} of {-(-disk.size // PAGES)} blocks",
            f"images: create {self.name} ({_ARCHES[disk.arch]}, generation 2)",
            f"disks: delete {self._disk}",
        )

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination."""
        try:
            from azure.core.exceptions import AzureError  # noqa: PLC0415 - an extra, which only a push to Azure needs
        except ImportError as error:
            raise HostError("a push to Azure needs its SDK", hint="pip install 'lkbuild[azure]'") from error
        try:
            compute, pages = (self.connect or self._connect)()
            return self._send(disk, note, compute, pages)
        except AzureError as error:
            raise RemoteFailed(f"Azure refuses: {error}", hint="the disk that was uploaded was deleted again") from error

    def _connect(self) -> tuple[Any, Callable[[str], Any]]:
        try:
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - as above
            from azure.mgmt.compute import ComputeManagementClient  # noqa: PLC0415 - the same
            from azure.storage.blob import BlobClient  # noqa: PLC0415 - the same
        except ImportError as error:
            raise HostError("a push to Azure needs all of its SDK", hint="pip install 'lkbuild[azure]'") from error
        return ComputeManagementClient(DefaultAzureCredential(), self.subscription), BlobClient.from_blob_url

    @property
    def _disk(self) -> str:
        return f"{self.name}-upload"

    def _send(self, disk: Disk, note: Note, compute: Any, pages: Callable[[str], Any]) -> str:
        properties: dict[str, Any] = {
            "osType": "Linux",
            "hyperVGeneration": "V2",
            "creationData": {"createOption": "Upload", "uploadSizeBytes": disk.size},
            "supportedCapabilities": {"architecture": _ARCHES[disk.arch]},
        }
        wanted = {"location": self.location, "properties": properties}
        made = compute.disks.begin_create_or_update(self.resources, self._disk, wanted).result()
        note(f"disk {self._disk}")
        try:
            granted = {"access": "Write", "durationInSeconds": _ACCESS_S}
            access = compute.disks.begin_grant_access(self.resources, self._disk, granted).result()
            note(f"sent {_upload(disk, pages(str(access.access_sas)))} blocks")
            compute.disks.begin_revoke_access(self.resources, self._disk).result()
            os_disk = {"osType": "Linux", "osState": "Generalized", "managedDisk": {"id": made.id}}
            image = {
                "location": self.location,
                "properties": {"hyperVGeneration": "V2", "storageProfile": {"osDisk": os_disk}},
                "tags": {"lkbuild-digest": disk.digest},
            }
            return str(compute.images.begin_create_or_update(self.resources, self.name, image).result().id)
        finally:
            compute.disks.begin_delete(self.resources, self._disk).result()


def _upload(disk: Disk, blob: Any) -> int:
    """Send what is not zeros; how many blocks. The last is as long as the disk is."""
    sent = 0
    for index, block in disk.blocks(PAGES):
        start = index * PAGES
        data = block[: disk.size - start]
        blob.upload_page(data, offset=start, length=len(data))
        sent += 1
    return sent
