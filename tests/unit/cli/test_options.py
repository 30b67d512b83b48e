"""From a parsed command line to BuildOptions."""

import os
import pwd
from pathlib import Path

import pytest

from lkbuild.base.errors import UsageError
from lkbuild.base.snapshot_format import cache_folder
from lkbuild.cli.flags import parse
from lkbuild.cli.options import BUILD_FLAGS, build_options, default_cache
from lkbuild.model.configuration import ARCHES

CWD = Path("/work/here")


def options(*arguments, **environment):
    return build_options(parse("build", BUILD_FLAGS, arguments, environment), environment, CWD)


def test_without_flags_everything_has_its_default():
    got = options(HOME="/home/me")
    assert got.cache == Path("/home/me/.cache/lkbuild")
    assert (got.workspace, got.out, got.arches, got.configs, got.jobs) == (None, None, (), (), None)
    assert not any((got.keep_going, got.offline, got.check, got.dry_run))
    assert got.environment == {"HOME": "/home/me"}


def test_paths_are_meant_from_the_current_directory():
    got = options("--cache=c", "--workspace", "../w", "--out=/o")
    assert (got.cache, got.workspace, got.out) == (CWD / "c", CWD / "../w", Path("/o"))


def test_all_architectures_and_repeats_are_resolved():
    assert options("--arch", "all").arches == ARCHES
    assert options("--arch=arm64", "--arch=amd64", "--arch=arm64").arches == ("arm64", "amd64")
    assert options(LKBUILD_ARCH="s390x").arches == ("s390x",)


def test_an_unknown_architecture_is_refused_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        options("--arch=arm46")
    assert "arm64" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "told"),
    [("x86_64", "'amd64'"), ("aarch64", "'arm64'"), ("linux/riscv64", "'riscv64'"), ("amd64,arm64", "--arch amd64 --arch arm64")],
)
def test_what_others_call_an_architecture_is_told_in_our_words(given, told):
    with pytest.raises(UsageError) as caught:
        options(f"--arch={given}")
    assert told in caught.value.hint


def test_the_cache_follows_the_specification_of_xdg():
    assert default_cache({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/lkbuild")
    assert default_cache({"XDG_CACHE_HOME": "relative", "HOME": "/h"}) == Path("/h/.cache/lkbuild")
    # What the system knows of this user: not a folder that anyone may make first.
    assert default_cache({}) == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache/lkbuild"
    assert str(default_cache({})) == cache_folder((), {}, "/")


def test_each_build_has_a_cancel_flag_of_its_own_that_is_no_part_of_its_identity():
    one, two = options(), options()
    assert one == two
    one.cancel.request()
    assert (one.cancel.requested, two.cancel.requested) == (True, False)
    assert one.cancel()
