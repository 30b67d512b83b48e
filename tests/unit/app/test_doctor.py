"""`lkbuild doctor`: each check by itself, on folders that stand for /proc and /dev."""

from typing import ClassVar

import pytest

from lkbuild.app import doctor
from lkbuild.app.options import BuildOptions
from lkbuild.base.errors import HostError
from lkbuild.model.configuration import ARCHES
from lkbuild.sandbox.builders import Node, nodes_of


def test_all_checks_run_here_and_each_has_a_name_a_state_and_a_text(tmp_path):
    findings = doctor.doctor(BuildOptions(cwd=tmp_path, cache=tmp_path / "not/there/yet", environment={"PATH": "/nowhere"}))
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert {"python", "sandbox", "store", "kvm", "docker", *ARCHES} <= set(names)
    assert all(finding.text and finding.state in ("ok", "warn", "fail") for finding in findings)
    assert all(finding.mend for finding in findings if finding.state == "fail")


def test_an_old_python_is_a_failure():
    assert doctor.check_python((3, 10, 9)).state == "fail"
    assert doctor.check_python((3, 11, 0)).state == "ok"


@pytest.mark.parametrize(("kib", "state"), [(8 << 20, "ok"), (1 << 20, "warn")])
def test_memory_is_what_is_available(tmp_path, kib, state):
    (tmp_path / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {kib} kB\n")
    assert doctor.check_memory(tmp_path / "meminfo").state == state


@pytest.mark.parametrize("text", ["", "MemAvailable: x kB\n"])
def test_memory_that_can_not_be_read_is_a_warning(tmp_path, text):
    (tmp_path / "meminfo").write_text(text)
    assert doctor.check_memory(tmp_path / "meminfo").state == "warn"


def test_without_a_device_there_is_no_kvm(tmp_path):
    found = doctor.check_kvm(tmp_path / "kvm")
    assert (found.state, bool(found.mend)) == ("warn", True)


def test_a_device_that_opens_is_not_said_to_boot_a_guest(tmp_path):
    (tmp_path / "kvm").write_text("")
    assert doctor.check_kvm(tmp_path / "kvm").state == "ok"


def test_low_limits_of_inotify_come_with_the_command_that_raises_them(tmp_path):
    (tmp_path / "max_user_watches").write_text("8192\n")
    (tmp_path / "max_user_instances").write_text("128\n")
    low, fine = doctor.check_inotify(tmp_path)
    assert (low.state, fine.state) == ("warn", "ok")
    assert "fs.inotify.max_user_watches=" in low.mend


def test_docker_is_found_with_and_without_buildx_and_never_needed(tmp_path):
    binary = tmp_path / "bin/docker"
    binary.parent.mkdir()
    binary.write_text("")
    binary.chmod(0o755)
    environment = {"PATH": str(binary.parent), "DOCKER_CONFIG": str(tmp_path)}
    assert doctor.check_docker({"PATH": str(tmp_path)}).state == "ok"
    plugin = tmp_path / "cli-plugins/docker-buildx"
    plugin.parent.mkdir()
    plugin.write_text("")
    assert str(plugin) in doctor.check_docker(environment).text


def test_the_disk_is_judged_where_the_store_will_be(tmp_path):
    first = doctor.check_disk(tmp_path / "a/b/c")[0]
    assert first.name == "store"
    assert str(tmp_path) in first.text


@pytest.mark.parametrize(("free", "state"), [(1 << 40, "ok"), (5 << 30, "warn"), (1 << 20, "fail")])
def test_little_room_is_a_warning_and_none_a_failure(free, state):
    assert doctor._by_limits(free) == state


def test_each_architecture_is_native_or_cross_and_an_unknown_machine_is_a_failure(tmp_path):
    (tmp_path / "qemu-riscv64").write_text("")
    kvm = tmp_path / "kvm"
    assert "KVM" not in {item.name: item for item in doctor.check_arches("aarch64", tmp_path, kvm, {})}["arm64"].text
    kvm.touch()
    found = {finding.name: finding for finding in doctor.check_arches("aarch64", tmp_path, kvm, {})}
    assert [name for name, finding in found.items() if "KVM" in finding.text] == ["arm64"]
    assert [name for name, finding in found.items() if "cross" in finding.text] == ["amd64", "riscv64", "s390x"]
    assert set(found) == set(ARCHES)
    assert "native" in found["arm64"].text
    assert "binfmt" in found["riscv64"].text
    assert doctor.check_arches("vax", tmp_path, tmp_path, {})[0].state == "fail"


HERE = Node(("amd64",), frozenset({"riscv64"}), "here")
NODES = {"amd64": HERE, "arm64": None, "riscv64": HERE}


def test_of_each_architecture_it_says_whether_a_builder_has_it(tmp_path):
    told = {finding.name: finding for finding in doctor.check_arches("x86_64", tmp_path, tmp_path, NODES)}
    assert told["amd64"].mend is None
    assert "node here" in told["amd64"].text
    assert "--builder arm64=" in told["arm64"].mend
    assert "emulation" in told["riscv64"].text.partition("Dockerfiles")[2]
    assert "--builder riscv64=" in told["riscv64"].mend
    none = {finding.name: finding for finding in doctor.check_arches("x86_64", tmp_path, tmp_path, {})}
    assert {finding.mend for finding in none.values()} == {None}


class Client:
    """Answers as builders do."""

    builders: ClassVar = {"arm64": "far", "s390x": "gone"}

    def nodes(self, arch):
        if arch == "s390x":
            raise HostError("no answer")
        far, here = "Name: a\nPlatforms: linux/arm64", "Name: b\nPlatforms: linux/amd64, linux/386, linux/riscv64"
        return nodes_of(far if arch == "arm64" else here)


def test_builders_are_asked_once_each_and_one_that_is_gone_builds_nothing():
    found = doctor.builders_of(Client())
    assert {arch: node and (node.name, node.how(arch)) for arch, node in found.items()} == {
        "amd64": ("b", "native"),
        "arm64": ("a", "native"),
        "riscv64": ("b", "emulated"),
        "s390x": None,
    }
