"""The same sources give the same bytes: kernel, initrd and every layer, whoever builds them, wherever, in which order and zone.

An ordinary user builds from a store that holds the fetched inputs only, and boots what he has built. The others build the same elsewhere.
What an edit does not reach is not made again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.workspace import LKBUILD, Report, Workspace, copy_of_repository, user_store

pytestmark = [pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick")
TARGETS = ("//images:minimal", "//pkg/init", "//pkg/crun", "//pkg/getty", "//pkg/dhcpcd", "//kernel:debian")
TEST = "//images:minimal-test"
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@dataclass(frozen=True, slots=True)
class Cold:
    """A checkout of a user without rights, and the report of his first build."""

    checkout: Workspace
    built: Report


def build(checkout, *arguments, **options):
    return checkout.build(*QUICK, *arguments, *TARGETS, **options)


def files(report):
    """Relative path and digest of all that was placed under lkbuild-out."""
    found = {}
    for target in report.told["targets"]:
        for output in target["outputs"]:
            found[target["label"], os.path.basename(output["path"])] = output["digest"]  # noqa: PTH119 - a name from JSON
    return found


@pytest.fixture(scope="module")
def cold(fetched):
    """What all begins with, for it takes half a minute: one command at a time, as nobody, or as whoever runs the tests without rights."""
    # Not in the folder of the tests, where nobody can reach it.
    with tempfile.TemporaryDirectory(prefix="lkbuild-nobody-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        shutil.copytree(fetched, home / "cache", symlinks=True)
        checkout = copy_of_repository(home / "root", home / "cache").with_(HOME=folder, TMPDIR=folder)
        if os.geteuid() == 0:
            checkout = of_nobody(checkout)
        yield Cold(checkout, build(checkout, "-j1"))


def of_nobody(checkout):
    """The checkout, given away."""
    words = [*AS_NOBODY, sys.executable, "-c", "import lkbuild.cli.main"]
    probe = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"nobody can't read lkbuild here: {probe.stderr.strip()[-200:]}")
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", checkout.root.parent], check=True)
    return Workspace(checkout.root, checkout.cache, checkout.environment, (*AS_NOBODY, str(LKBUILD)))


def test_a_user_without_rights_builds(cold, repository):
    assert cold.built.states == dict.fromkeys(TARGETS, "built")
    assert {"layer", "cpio", "concat", "go", "debian_kernel"} <= set(cold.built.mnemonics)
    assert {path.stat().st_uid for path in cold.built.paths} == {os.geteuid() or NOBODY}
    assert build(cold.checkout).executed == []
    # Root has the same bytes.
    assert build(repository).digests == cold.built.digests


@pytest.mark.boot
def test_a_user_without_rights_boots_what_he_has_built(cold):
    tested = cold.checkout.test(*QUICK, TEST)
    assert tested.states == {TEST: "passed"}
    assert f"{TEST} boot_test" in tested.executed
    assert cold.checkout.test(*QUICK, TEST).executed == []


def test_another_user_store_path_umask_zone_and_order_give_the_same_bytes(cold, fetched, tmp_path):
    """One test, since to build it all from nothing is what takes the time."""
    store = Path(shutil.copytree(fetched, tmp_path / "another cache", symlinks=True))
    elsewhere = {"HOME": str(tmp_path), "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "7"}
    second = copy_of_repository(tmp_path / "a second checkout", store).with_(**elsewhere)
    other = build(second, "-j2", before=lambda: os.umask(0o077))
    assert other.keys == cold.built.keys
    assert files(other) == files(cold.built)
    assert sorted(other.executed) == sorted(cold.built.executed)
    for here, there in zip(cold.built.paths, other.paths, strict=True):
        if here.is_file():
            assert here.read_bytes() == there.read_bytes()
    # Outputs that were deleted come back without a run, and a check of every action finds no other bytes.
    shutil.rmtree(second.root / "lkbuild-out")
    again = build(second)
    assert (again.executed, files(again)) == ([], files(cold.built))
    build(second, "--check")
    # In the same place, after the store was deleted: a part of it.
    assert second.lkbuild("clean", "--expunge").returncode == 0
    part = second.build(*QUICK, "//pkg/getty")
    assert part.executed
    assert files(part).items() <= files(cold.built).items()


def test_an_edit_of_one_service_packs_its_segment_and_no_other(tmp_path):
    """Over the user's store: containerd and runc are compiled for it."""
    checkout = copy_of_repository(tmp_path / "edited", user_store())
    checkout.build(*QUICK, "//images:linuxkit")
    # Not seen before, so it has to run.
    append(checkout, "pkg/dhcpcd/etc/dhcpcd.conf", f"# {uuid.uuid4().hex}\n")
    after = checkout.build(*QUICK, "//images:linuxkit")
    # Its files and their segment; the boot plan, which names layers by content, and its segment; the joined initrd. Nothing else.
    image = "//images:linuxkit"
    expected = ["//pkg/dhcpcd layer", *(f"{image} {kind}" for kind in ("cpio", "cpio", "stamp", "layer", "concat"))]
    assert sorted(after.executed) == sorted(expected)
    assert checkout.build(*QUICK, "//images:linuxkit").executed == []


def append(checkout, path, line):
    file = checkout.root / path
    file.write_text(file.read_text() + line)
