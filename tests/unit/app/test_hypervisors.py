"""Command lines of hypervisors that are not here: what each is told of a guest, and what it refuses."""

import itertools
import json

import pytest

from lkbuild.app.hypervisors.choose import ALL, chosen, guest_of, start_of
from lkbuild.app.hypervisors.guest import Guest, Share
from lkbuild.app.hypervisors.windows import quoted
from lkbuild.base.errors import UsageError

GUEST = Guest(
    name="box", arch="amd64", kernel="/o/kernel", initrd="/o/initrd.img", cmdline="console=ttyS0 quiet", medium="/o/box.iso", state="/o"
)
CAN = {
    "cloud-hypervisor": {"disks", "vsock"},
    "firecracker": {"disks", "vsock"},
    "hyperkit": {"disks", "vsock"},
    "hyperv": {"disks"},
    "vfkit": {"disks", "shares", "vsock"},
}
MORE = {"disks": ("/d/a.img",), "shares": (Share(folder="/src", tag="src"),), "vsock": 5, "publish": ((2222, 22),)}


def plus(**fields):
    values = {name: getattr(GUEST, name) for name in GUEST.__slots__}
    return Guest(**(values | fields))


def after(command, flag):
    return [value for word, value in itertools.pairwise(command) if word == flag]


@pytest.mark.parametrize("hypervisor", ALL, ids=lambda item: item.name)
@pytest.mark.parametrize("field", MORE)
def test_what_a_hypervisor_has_not_is_refused_and_what_it_has_reaches_it(hypervisor, field):
    guest = plus(**{field: MORE[field]})
    if field not in CAN[hypervisor.name]:
        with pytest.raises(UsageError):
            hypervisor.start(guest)
        return
    with_it, without = hypervisor.start(guest), hypervisor.start(GUEST)
    assert (with_it.command, with_it.files) != (without.command, without.files)


def test_vfkit_has_virtio_devices_and_their_console():
    start = chosen("vfkit").start(plus(arch="arm64", cmdline="console=ttyAMA0 quiet", **{k: MORE[k] for k in ("disks", "shares")}))
    assert after(start.command, "--bootloader") == ['linux,kernel=/o/kernel,initrd=/o/initrd.img,cmdline="console=hvc0 quiet"']
    assert set(after(start.command, "--device")) >= {
        "virtio-serial,stdio",
        "virtio-blk,path=/d/a.img",
        "virtio-fs,sharedDir=/src,mountTag=src",
    }
    assert (after(start.command, "--cpus"), after(start.command, "--memory")) == (["2"], ["1024"])


def test_hyperkit_is_given_a_slot_for_each_disk():
    start = chosen("hyperkit").start(plus(disks=("/a", "/b")))
    assert {"3:0,virtio-blk,/a", "4:0,virtio-blk,/b"} <= set(after(start.command, "-s"))
    assert after(start.command, "-f") == ["kexec,/o/kernel,/o/initrd.img,console=ttyS0 quiet"]


def test_firecracker_reads_a_file_that_is_written_for_it():
    start = chosen("firecracker").start(plus(vsock=5, disks=("/a",), mem_mib=256, cpus=1))
    (path, text), *_ = start.files.items()
    assert start.command == ("firecracker", "--no-api", "--config-file", path)
    config = json.loads(text)
    assert config["boot-source"]["boot_args"].split()[:2] == ["console=ttyS0", "quiet"]
    assert config["machine-config"] == {"vcpu_count": 1, "mem_size_mib": 256}
    assert (config["drives"][0]["path_on_host"], config["drives"][0]["is_root_device"]) == ("/a", False)
    assert config["vsock"] == {"guest_cid": 5, "uds_path": "/o/vsock"}


@pytest.mark.parametrize(("arch", "console"), [("amd64", "ttyS0"), ("arm64", "ttyAMA0")])
def test_cloud_hypervisor_has_one_flag_for_all_disks(arch, console):
    command = chosen("cloud-hypervisor").start(plus(arch=arch, disks=("/a", "/b"))).command
    at = command.index("--disk")
    assert command[at + 1 : at + 3] == ("path=/a", "path=/b")
    assert after(command, "--cmdline") == [f"console={console} quiet"]


def test_hyper_v_starts_a_disc_by_a_script_whose_text_expands_nothing():
    start = chosen("hyperv").start(plus(name="it's $(box)", medium="C:\\x\\box.iso"))
    ((path, script),) = start.files.items()
    assert start.command[-2:] == ("-File", path)
    assert "Add-VMDvdDrive -VMName 'it''s $(box)' -Path 'C:\\x\\box.iso'" in script.split("\n")
    assert script.split("\n")[-2] == "Start-VM -Name 'it''s $(box)'"
    assert quoted("'") == "''''"


def test_a_guest_is_made_of_the_options_of_run():
    options = {"mem": ["2G"], "cpus": ["4"], "disk": ["/a"], "publish": ["80"], "share": ["/x/src", "/y,tag=t"], "vsock": ["7"]}
    guest = guest_of("box", "amd64", {"kernel": "/o/kernel", "initrd.img": "/o/i"}, "quiet", options, "/o")
    assert (guest.mem_mib, guest.cpus, guest.disks, guest.publish, guest.vsock) == (2048, 4, ("/a",), ((80, 80),), 7)
    assert guest.shares == (Share(folder="/x/src", tag="src"), Share(folder="/y", tag="t"))


@pytest.mark.parametrize("options", [{"uefi": ["1"]}, {"tpm": ["/t"]}, {"data": ["x"]}, {"disk": ["/a,size=2G"]}, {"mem": ["5K"]}])
def test_what_only_qemu_has_is_refused(options):
    with pytest.raises(UsageError):
        guest_of("box", "amd64", {}, "", options, "/o")


def test_a_name_or_an_architecture_that_is_not_there_is_refused():
    with pytest.raises(UsageError):
        chosen("vbox")
    with pytest.raises(UsageError):
        start_of(chosen("hyperkit"), plus(arch="arm64"))
