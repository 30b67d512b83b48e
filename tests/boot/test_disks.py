"""A data disk: partitions as declared, ext4, xfs and btrfs, and the last of them grows with the disk."""

import pytest

pytestmark = [pytest.mark.boot, pytest.mark.network]


@pytest.mark.slow
def test_three_file_systems_are_made_once_and_the_last_grows_with_its_disk(repository):
    target = "//images/tests:disks-test"
    assert repository.test("--config", "quick", "--arch", "amd64", target).states == {target: "passed"}
