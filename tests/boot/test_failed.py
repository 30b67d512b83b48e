"""What a failed boot says: the guest comes up, and what was expected of it does not hold."""

import pytest
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick")
TEST = "//images:minimal-test"


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
