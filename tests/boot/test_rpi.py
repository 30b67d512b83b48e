"""The Raspberry Pi's card: read by mtools, and its kernel booted by QEMU's Pi. Its firmware runs on no machine but its own."""

import pytest

pytestmark = [pytest.mark.boot, pytest.mark.network]

QUICK = ("--config", "quick", "--arch", "arm64")
FILES, BOOTS = "//images/tests:rpi-files", "//images/tests:minimal-rpi-test"
BOARDS = {"bcm2711-rpi-4-b.dtb", "bcm2837-rpi-3-b.dtb", "bcm2837-rpi-zero-2-w.dtb"}
FIRMWARE = {"bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat", "LICENCE.txt"}


def test_a_raspberry_pi_s_card_has_what_its_firmware_starts(repository):
    files = {path.name: path for path in repository.build(*QUICK, FILES).paths}
    names = {line.rpartition("/")[2] for line in files["listing"].read_text().splitlines()}
    assert names > BOARDS | FIRMWARE
    config = dict(line.split("=", 1) for line in files["config.txt"].read_text().splitlines() if "=" in line)
    assert (config["kernel"], config["arm_64bit"], config["upstream_kernel"]) == ("kernel8.img", "1", "1")
    assert files["kernel8.img"].read_bytes()[56:60] == b"ARMd"  # linux: Documentation/arch/arm64/booting.rst


def test_the_card_is_the_same_bytes_when_it_is_made_again(repository):
    repository.build("--check", *QUICK, "//images:minimal-rpi.rpi")


def test_the_kernel_that_is_on_it_comes_up(repository):
    assert repository.test(*QUICK, BOOTS).states == {BOOTS: "passed"}
