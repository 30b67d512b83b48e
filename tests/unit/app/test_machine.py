"""How much memory there is to share out."""

import os

import pytest

from lkbuild.app.machine import memory_mib

MIB = 1 << 20


@pytest.fixture
def machine(tmp_path):
    """Writes files below a /proc and a /sys/fs/cgroup, and asks."""

    def ask(membership, **limits):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(membership)
        for path, text in limits.items():
            file = tmp_path / "cgroup" / path.replace("__", "/").replace("_in_", ".limit_in_").replace("_max", ".max")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return memory_mib(tmp_path / "proc", tmp_path / "cgroup")

    return ask


def physical():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB


def test_without_control_groups_it_is_all_of_the_machine(tmp_path):
    assert memory_mib(tmp_path, tmp_path) == physical()


def test_the_limit_of_a_control_group_counts(machine):
    assert machine("0::/user/build\n", user__build__memory_max=f"{64 * MIB}\n") == 64


def test_the_limit_of_a_group_above_counts_where_it_is_less(machine):
    assert machine("0::/user/build\n", user__build__memory_max=f"{64 * MIB}\n", user__memory_max=f"{32 * MIB}\n") == 32


def test_no_limit_and_one_above_what_there_is_count_for_nothing(machine):
    assert machine("0::/user/build\n", user__build__memory_max="max\n", user__memory_max=f"{1 << 62}\n") == physical()


def test_a_limit_of_the_first_version_counts(machine):
    memory = "memory:/build"
    assert machine(f"5:cpu:/x\n4:{memory}\n0::/\n", memory__build__memory_in_bytes=f"{48 * MIB}\n") == 48


def test_in_a_container_the_root_of_the_mount_counts(machine):
    assert machine("0::/not/mounted/here\n", memory_max=f"{16 * MIB}\n") == 16
