"""The kernel's configuration as a node: what changes it, what does not, and what a fragment that can't hold is told."""

import os

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.slow, pytest.mark.network]

FRAGMENT = "kernel/6.12/fragments/wireguard.config"


@pytest.fixture
def kernel(tmp_path):
    """The repository's workspace elsewhere, over the user's store: the toolchain and the source are not fetched for each test."""
    return copy_of_repository(tmp_path / "workspace", user_store())


def add(workspace, text):
    """Add lines to a fragment; the number of the first."""
    file = workspace.root / FRAGMENT
    before = file.read_text()
    file.write_text(before + text)
    return before.count("\n") + 1


def the_log(report):
    """What the failed action told."""
    (error,) = report.errors
    assert error["label"].startswith("//kernel:config")
    return report.stderr


def test_a_comment_gives_the_same_configuration(kernel):
    before = kernel.build("//kernel:config")
    add(kernel, f"# {os.urandom(8).hex()}: not seen before, so it has to run\n")
    after = kernel.build("//kernel:config")
    assert after.mnemonics == ["kernel_config"]
    assert after.path.read_bytes() == before.path.read_bytes()


def test_an_option_changes_the_configuration_by_what_it_asks_for(kernel):
    assert "# CONFIG_BLK_DEV_NBD is not set\n" in kernel.build("//kernel:config").text
    add(kernel, "CONFIG_BLK_DEV_NBD=y  # network block devices\n")
    assert "CONFIG_BLK_DEV_NBD=y\n" in kernel.build("//kernel:config").text


def test_an_option_with_an_unmet_dependency_names_its_line_and_what_it_needs(kernel):
    line = add(kernel, "CONFIG_USB_STORAGE=y\n")
    told = the_log(kernel.build("//kernel:config", code=1))
    assert f"{FRAGMENT}:{line}: CONFIG_USB_STORAGE=y" in told
    assert "needs USB_SUPPORT[=n]" in told


def test_an_option_that_does_not_exist_names_the_nearest(kernel):
    line = add(kernel, "CONFIG_WIREGARD=y\n")
    told = the_log(kernel.build("//kernel:config", code=1))
    assert f"{FRAGMENT}:{line}: " in told
    assert "CONFIG_WIREGUARD" in told


def test_an_option_that_others_select_can_not_be_off(kernel):
    line = add(kernel, "CONFIG_CRC16=n\n")
    told = the_log(kernel.build("//kernel:config", code=1))
    assert f"{FRAGMENT}:{line}: CONFIG_CRC16=n" in told
    assert "selected by EXT4_FS[=y]" in told


def test_a_number_out_of_range_is_told_its_range(kernel):
    kernel.edit("kernel/6.12/arch/amd64.config", "CONFIG_NR_CPUS=64", "CONFIG_NR_CPUS=100000")
    told = the_log(kernel.build("--arch=amd64", "//kernel:config", code=1))
    assert "kernel/6.12/arch/amd64.config:" in told
    assert "from 2 to " in told


def test_two_fragments_that_contradict_each_other_are_both_named(kernel):
    line = add(kernel, "CONFIG_OVERLAY_FS=n\n")
    told = the_log(kernel.build("//kernel:config", code=1))
    assert f"{FRAGMENT}:{line}: CONFIG_OVERLAY_FS=n contradicts kernel/6.12/fragments/containers.config:" in told


@pytest.mark.parametrize(("arch", "option"), [("arm64", "ARM64"), ("riscv64", "RISCV"), ("s390x", "S390")])
def test_every_architecture_can_be_configured(kernel, arch, option):
    assert f"CONFIG_{option}=y\n" in kernel.build(f"--arch={arch}", "//kernel:config").text
