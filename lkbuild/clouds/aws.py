"""Amazon EC2: a disk becomes a snapshot, block by block, and the snapshot an image (AMI). Does not know how the disk is built.

By the EBS direct APIs: no bucket and no service role is needed, blocks of zeros are not sent, and each block has its checksum. What
stays is the snapshot that the image is of; where a later step fails, it is deleted again.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from lkbuild.base.errors import HostError, RemoteFailed
from lkbuild.base.values import dataclass
from lkbuild.clouds.destination import Address, Disk, Note

#: The size of a block of the EBS direct APIs.
BLOCK: Final = 512 * 1024
_GIB: Final = 1 << 30
_AT_ONCE: Final = 16
_POLL_S: Final = 5
_WAIT_S: Final = 1800
_ARCHES: Final = {"amd64": "x86_64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """`aws://NAME?region=R`: an AMI of that name. Credentials are found as by any tool of AWS."""

    name: str
    region: str | None = None
    group: str = "aws"
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def at(cls, address: Address) -> Aws:
        """Raises UsageError for an address with something else in it."""
        options = address.chosen("region")
        return cls(name=address.name, region=options.get("region"))

    def steps(self, disk: Disk) -> tuple[str, ...]:
        """See Destination."""
        sent = sum(1 for _ in disk.blocks(BLOCK))
        return (
            f"ebs:StartSnapshot of {_gib(disk)} GiB",
            f"ebs:PutSnapshotBlock for {sent} of {-(-disk.size // BLOCK)} blocks",
            "ebs:CompleteSnapshot, and wait for it",
            f"ec2:RegisterImage {self.name} ({_ARCHES[disk.arch]}, UEFI, ENA, IMDSv2)",
        )

    def send(self, disk: Disk, note: Note) -> str:
        """See Destination."""
        try:
            import boto3  # noqa: PLC0415 - an extra, which only a push to AWS needs
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same
        except ImportError as error:
            raise HostError("a push to AWS needs boto3", hint="pip install 'lkbuild[aws]'") from error
        try:
            session = boto3.Session(region_name=self.region)
            return self._send(disk, note, session.client("ebs"), session.client("ec2"))
        except (BotoCoreError, ClientError) as error:
            raise RemoteFailed(f"AWS refuses: {error}", hint="what has been sent of it was deleted again") from error

    def _send(self, disk: Disk, note: Note, ebs: Any, ec2: Any) -> str:
        token = hashlib.sha256(f"{disk.digest} {self.name}".encode()).hexdigest()[:32]
        started = ebs.start_snapshot(VolumeSize=_gib(disk), Description=f"lkbuild {self.name} {disk.digest[:16]}", ClientToken=token)
        snapshot = started["SnapshotId"]
        note(f"snapshot {snapshot}")
        try:
            sent = self._blocks(disk, ebs, snapshot)
            note(f"sent {sent} blocks")
            ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=sent)
            self._wait(ec2, snapshot)
            return str(self._register(disk, ec2, snapshot))
        except BaseException:
            ec2.delete_snapshot(SnapshotId=snapshot)
            raise

    def _blocks(self, disk: Disk, ebs: Any, snapshot: str) -> int:
        """Send them, several at once but never all in memory; how many."""

        def put(item: tuple[int, bytes]) -> None:
            index, data = item
            checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
            ebs.put_snapshot_block(
                SnapshotId=snapshot, BlockIndex=index, BlockData=data, DataLength=BLOCK, Checksum=checksum, ChecksumAlgorithm="SHA256"
            )

        sent, batch = 0, []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for item in disk.blocks(BLOCK):
                batch.append(item)
                if len(batch) == _AT_ONCE:
                    sent += sum(1 for _ in pool.map(put, batch))
                    batch.clear()
            return sent + sum(1 for _ in pool.map(put, batch))

    def _wait(self, ec2: Any, snapshot: str) -> None:
        for _ in range(_WAIT_S // _POLL_S):
            (found,) = ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
            if found["State"] == "completed":
                return
            if found["State"] == "error":
                break
            self.sleep(_POLL_S)
        raise RemoteFailed(f"snapshot {snapshot} is not completed ({found['State']})")

    def _register(self, disk: Disk, ec2: Any, snapshot: str) -> Any:
        volume = {"SnapshotId": snapshot, "VolumeType": "gp3", "DeleteOnTermination": True}
        return ec2.register_image(
            Name=self.name,
            Architecture=_ARCHES[disk.arch],
            RootDeviceName="/dev/xvda",
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": volume}],
            VirtualizationType="hvm",
            EnaSupport=True,
            BootMode="uefi",
            ImdsSupport="v2.0",
        )["ImageId"]


def _gib(disk: Disk) -> int:
    return -(-disk.size // _GIB)
