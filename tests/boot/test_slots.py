"""A disk with two slots: a machine updates itself, survives a power cut, and falls back; the disk as sfdisk and mtools read it."""

import json
import subprocess

import pytest
from harness.images import Programs
from harness.workspace import copy_of_repository

pytestmark = [pytest.mark.boot, pytest.mark.network]

QUICK = ("--config", "quick", "--arch", "amd64")
SLOTS = "//images/tests/slots"
SECTOR, MIB = 512, 1 << 20


@pytest.mark.slow
def test_a_version_that_hangs_is_ended_by_the_watchdog_and_one_that_is_older_is_refused(repository):
    assert repository.test(*QUICK, f"{SLOTS}:hang-test").states == {f"{SLOTS}:hang-test": "passed"}


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_machine_updates_its_other_slot_and_falls_back_from_what_does_not_come_up(repository, arch):
    assert repository.test("--config", "quick", "--arch", arch, f"{SLOTS}:test").states == {f"{SLOTS}:test": "passed"}


def test_a_disk_and_its_update_are_the_same_bytes_when_they_are_made_again(repository):
    made = (f"{SLOTS}:a.disk", f"{SLOTS}:a.update")
    repository.build("--check", *QUICK, *made)


def test_the_disk_has_the_loader_one_slot_s_image_and_two_roots_of_which_one_is_empty(repository):
    disk = repository.build(*QUICK, f"{SLOTS}:a.disk").path
    update = repository.build(*QUICK, f"{SLOTS}:a.update").path.read_bytes()
    media = Programs(repository.build(*QUICK, "//rules/toolchains:media").path, disk.parent)
    tools = Programs(repository.build(*QUICK, f"{SLOTS}:tools").path, disk.parent)
    read = subprocess.run(tools.command("/usr/sbin/sfdisk", "--json", str(disk)), capture_output=True, check=True)
    table = json.loads(read.stdout)["partitiontable"]
    esp, first, second = table["partitions"]
    assert (table["label"], [part["name"] for part in (esp, first, second)]) == ("gpt", ["EFI", "lkbuild-root", "lkbuild-root"])
    listed = subprocess.run(
        media.command("/usr/bin/mdir", "-/", "-b", "-i", f"{disk}@@{esp['start'] * SECTOR}"), capture_output=True, check=True
    )
    files = {line for line in listed.stdout.decode().splitlines() if not line.endswith("/")}
    assert files == {"::/EFI/BOOT/BOOTX64.EFI", "::/EFI/Linux/slot-1.efi", "::/loader/loader.conf"}
    head, _, rest = update.partition(b"\n")
    manifest = json.loads(rest[: int(head.split()[-1])])
    root = rest[int(head.split()[-1]) :][: manifest["parts"][0]["size"]]
    with disk.open("rb") as file:
        file.seek(first["start"] * SECTOR)
        assert file.read(len(root)) == root
        file.seek(second["start"] * SECTOR)
        assert not any(file.read(MIB))
    assert first["size"] == second["size"] == 64 * MIB // SECTOR


def test_slots_without_a_key_are_refused_where_they_stand(tmp_path):
    checkout = copy_of_repository(tmp_path / "checkout", tmp_path / "cache")
    checkout.edit(
        "images/tests/slots/BUILD.yaml",
        "{key: update.pem, version: 3, room: 64M, up_within_s: 10}",
        "{key: nowhere.pem, room: 64M, up_within_s: 10}",
    )
    (error,) = checkout.build(*QUICK, f"{SLOTS}:ill.disk", code=7).errors
    assert (error["class"], error["file"]) == ("AnalysisError", "images/tests/slots/BUILD.yaml")
