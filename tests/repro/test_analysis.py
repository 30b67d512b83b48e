"""What every target of the repository means, told by two processes that have nothing in common but its files: the same bytes."""

import functools
import os

import pytest
from harness.workspace import copy_of_repository

SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "USER": "one"},
    {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "de_DE.ISO-8859-1", "HOME": "/", "USER": "other"},
)


def elsewhere(folder, mask):
    os.chdir(folder)
    os.umask(mask)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_every_action_of_every_target_is_the_same_whoever_analyses_it(tmp_path, arch):
    told = []
    for place, folder, mask, variables in zip(("a", "a longer/path"), ("", "pkg/init"), (0o022, 0o077), SURROUNDINGS, strict=True):
        here = copy_of_repository(tmp_path / place / "w", tmp_path / place / "store").with_(**variables)
        before = functools.partial(elsewhere, here.root / folder, mask)
        done = here.lkbuild("query", "--actions", "--arch", arch, "//...", preexec_fn=before)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0].count("\n") > 100
    assert told[0] == told[1]
