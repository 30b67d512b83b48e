"""`lkbuild run` with what is not QEMU's own: UEFI firmware, a shared folder, a TPM, user data."""

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

# The guest says into the shared folder what it sees, and powers itself off.
BUILD = """\
targets:
  look:
    rule: package
    layers: [//pkg/busybox]
    files: [{path: /look, source: look.sh, mode: "0755"}]
    command: [/look]
    capabilities: [CAP_SYS_ADMIN]
    pid: host
    maskedPaths: []
    binds: ["/run/config:/run/config:ro"]
    tmpfs: ["/mnt:nosuid,nodev"]
  image:
    rule: image
    arches: [amd64]
    kernel: //kernel
    cmdline: console=ttyS0
    init: [//pkg/init, //pkg/crun]
    runtime: /usr/bin/crun
    onboot: [{name: metadata, package: //pkg/metadata, command: [/usr/bin/metadata, cidata]}]
    services: [{name: look, package: ":look"}]
"""
QUICK = ("--config", "quick", "--arch", "amd64")
LOOK = """\
#!/bin/sh
mkdir /mnt/host
busybox mount -t virtiofs files /mnt/host
{
  cat /mnt/host/note
  ls -d /sys/firmware/efi
  cat /sys/class/tpm/tpm0/tpm_version_major
  cat /run/config/greeting
} >/mnt/host/said 2>&1
busybox umount /mnt/host
kill -USR2 1
"""


def test_a_guest_finds_what_it_was_given(tmp_path):
    checkout = copy_of_repository(tmp_path / "checkout", user_store())
    (checkout.root / "run").mkdir()
    checkout.write("run/BUILD.yaml", BUILD)
    checkout.write("run/look.sh", LOOK)
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("from this machine\n")
    given = ("--share", f"{shared},tag=files", "--tpm", str(tmp_path / "tpm"), "--uefi", "--data", '{"greeting": {"content": "hello"}}')
    done = checkout.lkbuild("run", *QUICK, "--mem", "512M", *given, "//run:image")
    assert done.returncode == 0, done.stderr
    assert (shared / "said").read_text().split("\n") == ["from this machine", "/sys/firmware/efi", "2", "hello"], done.stdout
    assert list((tmp_path / "tpm").iterdir())
