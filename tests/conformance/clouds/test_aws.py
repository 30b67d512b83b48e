"""A push to AWS, as moto plays it: what is there afterwards is the disk, block by block."""

import os

import boto3
import pytest
from moto import mock_aws

from lkbuild.base.errors import RemoteFailed
from lkbuild.clouds.aws import BLOCK, Aws
from lkbuild.clouds.destination import Disk

REGION = "eu-west-1"


@pytest.fixture
def disk(tmp_path):
    """Three blocks and a bit, of which the second is all zeros and is not in the file either."""
    path = tmp_path / "box-efi.img"
    with path.open("wb") as file:
        file.write(b"a" * BLOCK)
        file.seek(2 * BLOCK)
        file.write(b"c" * BLOCK + b"end")
    return Disk(path=path, name="box", arch="amd64", digest="0" * 64)


@pytest.fixture
def aws(monkeypatch):
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.Session(region_name=REGION)


def test_the_image_is_of_a_snapshot_with_the_blocks_that_are_not_zeros(disk, aws):
    told = []
    image_id = Aws(name="docker-1.0", region=REGION).send(disk, told.append)
    (image,) = aws.client("ec2").describe_images(ImageIds=[image_id])["Images"]
    assert image["Name"] == "docker-1.0"
    snapshot = told[0].split()[-1]
    (volume,) = aws.client("ec2").describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert volume["VolumeSize"] == 1
    ebs = aws.client("ebs")
    tokens = {block["BlockIndex"]: block["BlockToken"] for block in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]}
    assert set(tokens) == {0, 2, 3}
    last = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=3, BlockToken=tokens[3])
    assert last["BlockData"].read() == b"end".ljust(BLOCK, b"\0")


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(disk):
    steps = Aws(name="docker-1.0").steps(disk)
    assert [step.split()[0] for step in steps] == [
        "ebs:StartSnapshot",
        "ebs:PutSnapshotBlock",
        "ebs:CompleteSnapshot,",
        "ec2:RegisterImage",
    ]
    assert "3 of 4 blocks" in steps[1]


def test_where_the_image_is_refused_its_snapshot_is_deleted(disk, aws, monkeypatch):
    def refuse(self, *_):
        raise RemoteFailed("no")

    monkeypatch.setattr(Aws, "_register", refuse)
    told = []
    with pytest.raises(RemoteFailed):
        Aws(name="docker-1.0", region=REGION).send(disk, told.append)
    here = {item["SnapshotId"] for item in aws.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    assert told[0].split()[-1] not in here


def test_who_has_no_credentials_or_region_is_refused(disk, monkeypatch):
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    with pytest.raises(RemoteFailed):
        Aws(name="docker-1.0").send(disk, lambda _: None)
