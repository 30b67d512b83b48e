"""A file of more than 4 GiB, which an initramfs can't hold: every format that is a disk holds it, and init finds all of it there."""

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick")
SIZE = 4_400_000_000
#: A hole with a word at its end: what is cut off by 32 bits has another size, and no such word.
BUILD = f"""targets:
  hole:
    rule: genrule
    outs: [hole]
    cmd: truncate -s {SIZE - 4} $OUT && printf last >> $OUT
  package:
    rule: package
    files: [{{path: /large/hole, source: ":hole"}}]
  image:
    rule: image
    kernel: //kernel
    compression: fast
    cmdline: console=ttyS0
    init: [//pkg/init, //pkg/crun, //pkg/busybox, ":package"]
    runtime: /usr/bin/crun
    services:
      - {{name: shell, package: //pkg/getty, env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", INSECURE=true]}}
  test:
    rule: boot_test
    image: ":image"
    medium: kernel+erofs
    mem: 256M
    timeout_s: 600
    steps:
      - up: {{}}
      - run: [/bin/busybox, sh, -c, "stat -c %s /large/hole && tail -c 4 /large/hole"]
        expect: ^{SIZE}\\nlast$
      - poweroff: {{}}
"""
DISKS = (
    *("kernel+squashfs", "kernel+iso", "disk", "raw-efi", "raw-bios", "iso-efi", "iso-bios", "iso"),
    *("qcow2-efi", "qcow2-bios", "vmdk", "vhd", "dynamic-vhd", "aws", "azure", "gcp"),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    made = copy_of_repository(tmp_path_factory.mktemp("large") / "checkout", user_store())
    made.write("large/BUILD.yaml", BUILD)
    return made


def test_a_guest_reads_the_end_of_it(checkout):
    assert checkout.test(*QUICK, "//large:test").states == {"//large:test": "passed"}


def test_every_format_that_is_a_disk_holds_it(checkout):
    checkout.build(*QUICK, *(f"//large:image.{name}" for name in DISKS))


@pytest.mark.parametrize("name", ["image", "image.microvm"])
def test_an_initramfs_does_not_and_says_what_does(checkout, name):
    done = checkout.build(*QUICK, f"//large:{name}", code=1)
    assert {error["class"] for error in done.errors} == {"ArchiveError"}
