"""A comment in a kernel fragment is configured again and nothing is compiled; an option is one compile. A cold store compiles first."""

import uuid

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.slow, pytest.mark.network]

FRAGMENT = "kernel/6.12/fragments/base.config"


@pytest.fixture
def checkout(tmp_path):
    """A checkout over the store that LKBUILD_CACHE names, else the user's: there the kernel is compiled once for all tests."""
    return copy_of_repository(tmp_path / "checkout", user_store())


def append(checkout, line):
    path = checkout.root / FRAGMENT
    path.write_text(path.read_text() + line)


def test_a_comment_in_a_fragment_compiles_nothing(checkout):
    checkout.build("//kernel")
    # A comment that the shared store can't know from an earlier run, as it may the names of temporary folders.
    append(checkout, f"# a comment: {uuid.uuid4().hex}\n")
    after = checkout.build("//kernel")
    assert after.mnemonics == ["kernel_config"], after.executed
    assert "kernel" not in checkout.build("//images:minimal").mnemonics


def test_an_option_in_a_fragment_is_one_compile_and_one_image(checkout):
    checkout.build("//images:minimal")
    # A value that the shared store can't know from an earlier run.
    append(checkout, f'CONFIG_DEFAULT_HOSTNAME="{uuid.uuid4().hex}"\n')
    # Configured, but not compiled: what the plan says suffices, and minutes are saved.
    assert checkout.build("//kernel:config").mnemonics == ["kernel_config"]
    planned = checkout.lkbuild("build", "--dry-run", "//images:minimal")
    assert planned.returncode == 0, planned.stderr
    would = {line.rpartition(": ")[2] for line in planned.stderr.splitlines() if "would run: " in line}
    assert "//kernel:linux kernel" in would
    assert would <= {"//kernel:linux kernel", "//images:minimal concat", "//images:minimal cpio"}
