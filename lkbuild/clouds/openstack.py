"""OpenStack: a disk becomes an image of Glance, by the OpenStack SDK. Does not know how the disk is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lkbuild.base.errors import HostError, RemoteFailed
from lkbuild.base.values import dataclass
from lkbuild.clouds.destination import Address, Disk, Note

_ARCHES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStack:
    """`openstack://NAME?cloud=C`: an image of that name, in a cloud of the user's clouds.yaml, or of the OS_* variables.

    `connect` opens the connection; None: the SDK does.
    """

    name: str
    cloud: str | None = None
    group: str = "qcow2-efi"
    connect: Callable[[], Any] | None = None

    @classmethod
    def at(cls, address: Address) -> OpenStack:
        """Raises UsageError for an address with something else in it."""
        return cls(name=address.name, cloud=address.chosen("cloud").get("cloud"))

    def properties(self, disk: Disk) -> dict[str, str]:
        """What the image says of itself: UEFI, virtio, and the digest by which a second push finds it."""
        return {"architecture": _ARCHES[disk.arch], "hw_firmware_type": "uefi", "hw_machine_type": "q35", "lkbuild_digest": disk.digest}

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        return (f"image create {self.name} (qcow2, UEFI)", f"image upload ({disk.size} bytes)")

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination."""
        try:
            import openstack  # noqa: PLC0415 - an extra, which only a push to OpenStack needs
        except ImportError as error:
            raise HostError("a push to OpenStack needs openstacksdk", hint="pip install 'lkbuild[openstack]'") from error
        try:
            connection: Any = self.connect() if self.connect else openstack.connect(cloud=self.cloud)
            image = connection.image.create_image(
                self.name,
                filename=str(disk.path),
                disk_format="qcow2",
                container_format="bare",
                allow_duplicates=True,
                validate_checksum=False,
                wait=True,
                **self.properties(disk),
            )
        except openstack.exceptions.SDKException as error:
            raise RemoteFailed(f"OpenStack refuses: {error}") from error
        note(f"sent {disk.size} bytes")
        return str(image.id)
