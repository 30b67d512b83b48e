"""The Raspberry Pi's card: read by mtools, and its kernel booted by QEMU's Pi. Its firmware runs on no machine but its own."""

import os
import shlex
import subprocess
import threading
from pathlib import Path

import pytest
from harness.images import Programs
from harness.workspace import REPOSITORY, Workspace

from lkbuild.cli.options import default_cache

pytestmark = [pytest.mark.boot, pytest.mark.network]

QUICK = ("--config", "quick")
BOARDS = {"bcm2711-rpi-4-b.dtb", "bcm2837-rpi-3-b.dtb", "bcm2837-rpi-zero-2-w.dtb"}
FIRMWARE = {"bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat", "LICENCE.txt"}
PATIENCE_S = 900


@pytest.fixture
def repository(tmp_path):
    cache = os.environ.get("LKBUILD_CACHE")
    return Workspace(REPOSITORY, Path(cache) if cache else default_cache(os.environ), {"LKBUILD_OUT": str(tmp_path / "out")})


@pytest.fixture
def card(repository, tmp_path):
    """The files of the card's partition, as mtools reads them."""
    image = repository.build(*QUICK, "--arch", "arm64", "//images:minimal-rpi.rpi").path
    media = Programs(repository.build(*QUICK, "--arch", "amd64", "//rules/toolchains:media").path, tmp_path)
    (tmp_path / "card").mkdir()
    subprocess.run(media.command("/usr/bin/mcopy", "-i", f"{image}@@1M", "::*", str(tmp_path / "card")), check=True)
    return tmp_path / "card"


def test_a_raspberry_pi_s_card_has_what_its_firmware_starts_and_the_kernel_comes_up(repository, card, tmp_path):
    names = {path.name for path in card.iterdir()}
    assert names > BOARDS | FIRMWARE
    config = dict(line.split("=", 1) for line in (card / "config.txt").read_text().splitlines() if "=" in line)
    assert (config["kernel"], config["arm_64bit"], config["upstream_kernel"]) == ("kernel8.img", "1", "1")
    assert (card / config["kernel"]).read_bytes()[56:60] == b"ARMd"  # linux: Documentation/arch/arm64/booting.rst
    emulator = Programs(repository.build(*QUICK, "--arch", "amd64", "//rules/toolchains:qemu-arm64").path, tmp_path)
    words = (
        f"/usr/bin/qemu-system-aarch64 -machine raspi3b -display none -no-reboot -serial null -serial stdio -dtb {card}/bcm2837-rpi-3-b.dtb"
    )
    words += f" -kernel {card}/kernel8.img -initrd {card}/initrd.img -append"
    command = emulator.command(*shlex.split(words), (card / "cmdline.txt").read_text().strip())
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as guest:
        limit = threading.Timer(PATIENCE_S, guest.kill)
        limit.start()
        said = []
        for line in guest.stdout or ():
            said.append(line)
            if '"event":"up"' in line:
                break
        limit.cancel()
        guest.kill()
    assert '"event":"up"' in said[-1], "".join(said[-40:])
