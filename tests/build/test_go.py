"""The Go programs of the repository pass their own tests, which lkbuild runs in its sandbox with the locked toolchain."""

import os
from pathlib import Path

import pytest
from harness.workspace import REPOSITORY, Workspace

from lkbuild.cli.options import default_cache

pytestmark = pytest.mark.network

TESTS = ("//pkg/init:test", "//rules/boot_test:agent-test")


def test_the_init_and_the_agent_pass_their_tests(tmp_path):
    cache = os.environ.get("LKBUILD_CACHE")
    repository = Workspace(REPOSITORY, Path(cache) if cache else default_cache(os.environ), {"LKBUILD_OUT": str(tmp_path)})
    report = repository.test(*TESTS)
    assert report.states == dict.fromkeys(TESTS, "passed")
    assert all("passed lkbuild/" in path.read_text() for path in report.paths)
