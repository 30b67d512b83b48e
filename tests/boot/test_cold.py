"""A store that holds the fetched inputs only: build, boot, and what a failed boot says. As root, and as a user without any rights."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from harness.workspace import LKBUILD, Workspace, copy_of_repository

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick")
TEST = "//images:minimal-test"
NOBODY = 65534


def test_a_test_runs_once_and_an_expectation_that_does_not_hold_is_a_failed_test(new_checkout):
    checkout = new_checkout("cold")
    cold = checkout.test(*QUICK, TEST)
    assert cold.states == {TEST: "passed"}
    assert f"{TEST} boot_test" in cold.executed
    assert checkout.test(*QUICK, TEST).executed == []
    checkout.edit("images/BUILD.yaml", "expect: ^42$", "expect: ^43$")
    failed = checkout.test(*QUICK, TEST, code=3)
    assert failed.states == {TEST: "failed"}
    # Nothing was built anew for it, and what it printed is shown.
    assert failed.executed == []
    assert [error["class"] for error in failed.errors] == ["TestsFailed"]
    assert "42" in failed.stderr
    # A failure is not cached: put right, it is what passed before.
    checkout.edit("images/BUILD.yaml", "expect: ^43$", "expect: ^42$")
    assert checkout.test(*QUICK, TEST).executed == []


@pytest.fixture
def unprivileged(fetched):
    """A checkout and a store that belong to nobody, where nobody can reach them."""
    if os.geteuid() != 0:
        pytest.skip("who runs the tests is unprivileged already: every other test shows it")
    probe = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c", "import lkbuild.cli.main"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip(f"nobody can't read lkbuild here: {probe.stderr.strip()[-200:]}")
    with tempfile.TemporaryDirectory(prefix="lkbuild-nobody-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        shutil.copytree(fetched, home / "cache", symlinks=True)
        copy_of_repository(home / "root", home / "cache")
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        yield Workspace(home / "root", home / "cache", {"HOME": folder, "TMPDIR": folder}, (*prefix, str(LKBUILD)))


def test_a_user_without_rights_builds_and_boots(unprivileged, new_checkout):
    built = unprivileged.build(*QUICK, "//images:minimal")
    assert built.states == {"//images:minimal": "built"}
    assert {path.stat().st_uid for path in built.paths} == {NOBODY}
    assert unprivileged.build(*QUICK, "//images:minimal").executed == []
    assert unprivileged.test(*QUICK, TEST).states == {TEST: "passed"}
    # Root makes the same bytes.
    assert new_checkout("root").build(*QUICK, "//images:minimal").digests == built.digests
