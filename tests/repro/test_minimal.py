"""The same sources give the same bytes: kernel, initrd and every layer, whatever the store, the path, the umask and the order were.

What an edit does not reach is not made again.
"""

import os
import shutil
import uuid

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.slow, pytest.mark.network]

TARGETS = ("//images:minimal", "//pkg/init", "//pkg/crun", "//pkg/getty", "//pkg/dhcpcd", "//kernel:debian")


def build(checkout, *arguments, **options):
    return checkout.build("--config", "quick", *arguments, *TARGETS, **options)


def files(report):
    """Relative path and bytes of all that was placed under lkbuild-out."""
    found = {}
    for target in report.told["targets"]:
        for output in target["outputs"]:
            found[target["label"], os.path.basename(output["path"])] = output["digest"]  # noqa: PTH119 - a name from JSON
    return found


def test_another_store_path_umask_zone_and_order_give_the_same_bytes(new_checkout):
    """One test, since to build it all from nothing is what takes the time."""
    first = new_checkout("first")
    one = build(first, "-j1")
    assert {"layer", "cpio", "concat", "go", "debian_kernel"} <= {item.rpartition(" ")[2] for item in one.executed}
    second = new_checkout("a second checkout", TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", PYTHONHASHSEED="7")
    other = build(second, "-j2", before=lambda: os.umask(0o077))
    assert other.keys == one.keys
    assert files(other) == files(one)
    assert sorted(other.executed) == sorted(one.executed)
    for here, there in zip(one.paths, other.paths, strict=True):
        if here.is_file():
            assert here.read_bytes() == there.read_bytes()
    # Outputs that were deleted come back without a run, and a check of every action finds no other bytes.
    shutil.rmtree(first.root / "lkbuild-out")
    again = build(first)
    assert (again.executed, files(again)) == ([], files(one))
    build(first, "--check")
    # In the same place, after the store was deleted: a part of it.
    assert second.lkbuild("clean", "--expunge").returncode == 0
    part = second.build("--config", "quick", "//pkg/getty")
    assert part.executed
    assert files(part).items() <= files(one).items()


def test_an_edit_of_one_service_packs_its_segment_and_no_other(tmp_path):
    """Over the user's store: containerd and runc are compiled for it."""
    checkout = copy_of_repository(tmp_path / "edited", user_store())
    checkout.build("--config", "quick", "//images:linuxkit")
    # Not seen before, so it has to run.
    append(checkout, "pkg/dhcpcd/etc/dhcpcd.conf", f"# {uuid.uuid4().hex}\n")
    after = checkout.build("--config", "quick", "//images:linuxkit")
    # Its files and their segment; the boot plan, which names layers by content, and its segment; the joined initrd. Nothing else.
    image = "//images:linuxkit"
    expected = ["//pkg/dhcpcd layer", *(f"{image} {kind}" for kind in ("cpio", "cpio", "stamp", "layer", "concat"))]
    assert sorted(after.executed) == sorted(expected)
    assert checkout.build("--config", "quick", "//images:linuxkit").executed == []


def append(checkout, path, line):
    file = checkout.root / path
    file.write_text(file.read_text() + line)
