"""The Go programs of the repository pass their own tests, which lkbuild runs in its sandbox with the locked toolchain."""

import pytest

pytestmark = pytest.mark.network


def test_every_go_program_passes_its_own_tests(repository):
    tests = repository.lkbuild("query", "kind(go_test, //...)").stdout.split()
    assert {"//pkg/init:test", "//rules/boot_test:agent-test"} < set(tests)
    report = repository.test(*tests)
    assert report.states == dict.fromkeys(tests, "passed")
    assert all("passed lkbuild/" in path.read_text() for path in report.paths)
