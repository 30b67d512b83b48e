"""A store that holds the fetched inputs only, and a user without any rights: build and boot. And what a failed boot says."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from harness.workspace import LKBUILD, Workspace, copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick")
TEST = "//images:minimal-test"
NOBODY = 65534


def test_an_expectation_that_does_not_hold_is_a_failed_test(tmp_path):
    checkout = copy_of_repository(tmp_path / "checkout", user_store())
    assert checkout.test(*QUICK, TEST).states == {TEST: "passed"}
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
def unprivileged(fetched, new_checkout):
    """A checkout and a store that belong to nobody, where nobody can reach them; or to whoever runs the tests, without rights himself."""
    if os.geteuid() != 0:
        yield new_checkout("mine")
        return
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


def test_a_user_without_rights_builds_and_boots(unprivileged, repository):
    built = unprivileged.build(*QUICK, "//images:minimal")
    assert built.states == {"//images:minimal": "built"}
    assert {path.stat().st_uid for path in built.paths} == {os.geteuid() or NOBODY}
    assert unprivileged.build(*QUICK, "//images:minimal").executed == []
    tested = unprivileged.test(*QUICK, TEST)
    assert tested.states == {TEST: "passed"}
    assert f"{TEST} boot_test" in tested.executed
    assert unprivileged.test(*QUICK, TEST).executed == []
    # Root makes the same bytes.
    assert repository.build(*QUICK, "//images:minimal").digests == built.digests
