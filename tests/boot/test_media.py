"""Boot media: every format that QEMU can boot is booted by firmware, as it is shipped; every format is the same bytes when made again."""

import hashlib
import json
import tarfile

import pytest
from harness.workspace import copy_of_repository

pytestmark = [pytest.mark.boot, pytest.mark.network]

QUICK = ("--config", "quick")
BOOTED = (
    *("raw-bios", "raw-efi", "qcow2-bios", "qcow2-efi", "vmdk", "vhd", "dynamic-vhd", "aws", "azure", "uki"),
    *("iso-bios", "iso-efi", "iso", "iso-uefi", "debian-small", "squashfs-root", "erofs-root", "cdrom-root", "disk", "microvm"),
)
MEDIA = (
    *("raw-bios", "raw-efi", "qcow2-bios", "qcow2-efi", "vmdk", "vhd", "dynamic-vhd", "aws", "azure", "gcp", "uki"),
    *("iso-bios", "iso-efi", "iso", "kernel+squashfs", "kernel+erofs", "kernel+iso", "microvm", "disk"),
    *("tar", "tar-kernel-initrd", "docker", "oci"),
)
#: Of these it depends on the kernel's configuration whether it boots.
BY_KERNEL = ("iso", "uki", "squashfs-root", "erofs-root", "cdrom-root", "disk", "microvm")
ROOTS = ("initrd", "iso", "squashfs", "erofs")


@pytest.mark.parametrize("form", BOOTED)
def test_firmware_boots_the_medium_until_init_says_that_all_is_up(repository, form):
    target = f"//images/tests:minimal-{form}-test"
    assert repository.test(*QUICK, target).states == {target: "passed"}
    assert repository.test(*QUICK, target).executed == []


@pytest.mark.slow
@pytest.mark.parametrize("form", BY_KERNEL)
def test_the_kernel_from_source_boots_the_medium(repository, form):
    target = f"//images/tests:minimal-{form}-test"
    assert repository.test(target).states == {target: "passed"}


@pytest.mark.slow
@pytest.mark.parametrize("edition", ["docker-aws", "docker-azure", "docker-gcp", "docker-hyperv", "docker-baremetal", "docker-desktop"])
def test_firmware_boots_each_edition_from_what_is_shipped(repository, edition):
    target = f"//images/tests:{edition}-medium-test"
    assert repository.test(*QUICK, "--arch", "amd64", target).states == {target: "passed"}


def test_every_format_is_the_same_bytes_when_it_is_made_again(repository):
    media = [f"//images:minimal.{form}" for form in MEDIA]
    repository.build("--check", *QUICK, *media)


@pytest.mark.parametrize("form", ["raw-efi", "iso-efi", "uki"])
def test_uefi_boots_an_arm64_medium(repository, form):
    target = f"//images/tests:minimal-{form}-arm64-test"
    assert repository.test(*QUICK, "--arch", "arm64", target).states == {target: "passed"}


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["riscv64", "s390x"])
def test_a_root_is_mounted_whose_driver_needs_what_another_module_does(repository, arch):
    """Debian's kernel has EROFS's checksum, and who computes it, as modules there."""
    target = "//images/tests:minimal-erofs-root-test"
    assert repository.test(*QUICK, "--arch", arch, target).states == {target: "passed"}


def test_an_s390x_machine_loads_what_it_starts_from_a_cd_rom(repository):
    target = "//images/tests:minimal-iso-ipl-test"
    assert repository.test(*QUICK, "--arch", "s390x", target).states == {target: "passed"}
    repository.build("--check", *QUICK, "--arch", "s390x", "//images:minimal.ipl", "//images:minimal.iso-ipl")


def test_a_root_that_is_packed_or_on_a_disk_leaves_memory_free_that_an_initrd_takes(repository):
    used = {}
    for root in ROOTS:
        target = f"//images/tests:linuxkit-{root}-memory-test"
        assert repository.test(*QUICK, target).states == {target: "passed"}
        report = repository.build(*QUICK, target).path.read_text()
        used[root] = json.loads(report.splitlines()[0])["memory_used_kib"]
    print("".join(f"\n{root:10}{kib / 1024:8.1f} MiB" for root, kib in used.items()))
    assert max(used["squashfs"], used["erofs"]) < 0.75 * used["initrd"]
    assert used["iso"] < used["initrd"]


def test_an_iso_for_both_firmwares_holds_kernel_and_initrd_once(repository):
    both, uki = (repository.build(*QUICK, f"//images:minimal.{form}").path.stat().st_size for form in ("iso", "uki"))
    assert both < uki + (4 << 20)


def test_docker_s_archive_names_the_layer_that_it_holds(repository):
    with tarfile.open(repository.build(*QUICK, "//images:minimal.docker").path) as archive:
        (entry,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(entry["Config"]))
        digest = hashlib.sha256(archive.extractfile(entry["Layers"][0]).read()).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}"]
    assert config["config"]["Entrypoint"] == ["/init"]


def test_a_tar_has_the_root_and_what_boots_it(repository):
    with tarfile.open(repository.build(*QUICK, "//images:minimal.tar").path) as archive:
        names = archive.getnames()
        assert {"init", "boot/kernel", "boot/cmdline", "etc/lkbuild/image.json"} < set(names)
        assert archive.extractfile("boot/cmdline").read() == b"console=ttyS0\n"


def test_google_s_archive_holds_the_disk_filled_up_to_a_whole_number_of_gibibytes(repository):
    disk = repository.build(*QUICK, "//images:minimal.raw-efi").path.read_bytes()
    with tarfile.open(repository.build(*QUICK, "//images:minimal.gcp").path) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.size % (1 << 30)) == ("disk.raw", 0)
        assert archive.extractfile(member).read(len(disk)) == disk


def test_azure_s_disk_is_a_multiple_of_a_mebibyte_before_its_footer(repository):
    path = repository.build(*QUICK, "//images:minimal.vhd").path
    footer = path.read_bytes()[-512:]
    assert footer[:8] == b"conectix"
    assert (path.stat().st_size - 512) % (1 << 20) == 0
    checksum = int.from_bytes(footer[64:68], "big")
    assert checksum == ~sum(footer[:64] + footer[68:]) & 0xFFFFFFFF


def test_a_step_that_needs_the_agent_is_refused_where_it_stands(tmp_path):
    checkout = copy_of_repository(tmp_path / "checkout", tmp_path / "cache")
    checkout.edit(
        "images/tests/BUILD.yaml",
        "image: //images:minimal, medium: iso, mem: 512M, timeout_s: 600, arches: [amd64], steps: [up: {}]",
        "image: //images:minimal, medium: iso, steps: [run: [x]]",
    )
    report = checkout.test(*QUICK, "//images/tests:minimal-iso-test", code=7)
    (error,) = report.errors
    assert (error["class"], error["file"]) == ("AnalysisError", "images/tests/BUILD.yaml")
    assert error["label"].startswith("//images/tests:minimal-iso-test")
