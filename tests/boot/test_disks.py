"""A data disk: partitions as declared, ext4, xfs and btrfs, and the last of them grows with the disk."""

import os
from pathlib import Path

import pytest
from harness.workspace import REPOSITORY, Workspace

from lkbuild.cli.options import default_cache

pytestmark = [pytest.mark.boot, pytest.mark.network]


@pytest.mark.slow
def test_three_file_systems_are_made_once_and_the_last_grows_with_its_disk(tmp_path):
    cache = os.environ.get("LKBUILD_CACHE")
    repository = Workspace(REPOSITORY, Path(cache) if cache else default_cache(os.environ), {"LKBUILD_OUT": str(tmp_path)})
    target = "//images/tests:disks-test"
    assert repository.test("--config", "quick", "--arch", "amd64", target).states == {target: "passed"}
