"""The sandbox's plan, as data."""

from __future__ import annotations

from pathlib import Path

import pytest

from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.plan import Access, Kind, RootEntry, RootListing, environment_of, plan
from lkbuild.sandbox.probe import diagnose, probe

GOLDEN = Path(__file__).parents[1] / "golden" / "sandbox"
PACKAGE = Path(__file__).parents[2] / "lkbuild" / "sandbox"
ROOT = RootListing(
    path=Path("/store/tree"),
    top=(
        RootEntry("bin", Kind.SYMLINK, "usr/bin"),
        RootEntry("build", Kind.DIRECTORY),
        RootEntry("etc", Kind.DIRECTORY),
        RootEntry("proc", Kind.DIRECTORY),
        RootEntry("usr", Kind.DIRECTORY),
    ),
    etc=(RootEntry("alternatives", Kind.DIRECTORY), RootEntry("mtab", Kind.SYMLINK, "../proc/self/mounts"), RootEntry("passwd", Kind.FILE)),
)
RUN = SandboxRun(
    arguments=("make", "-j2"),
    environment=(("ARCH", "x86"), ("TZ", "UTC")),
    root=Path("/store/tree"),
    mounts=((Path("/store/b"), "src/b"), (Path("/store/a"), "a")),
    work=Path("/work/1"),
    log=Path("/work/1.log"),
    timeout_s=5,
    cpus=2,
)
ACCESS = Access(network=True, terminal=True, devices=("/dev/kvm",), writable=((Path("/disk"), "/run/disk"),))


@pytest.mark.parametrize(("name", "access"), [("action", Access()), ("interactive", ACCESS)])
def test_the_plan_is_the_golden_one(name, access):
    lines = [line.replace(str(PACKAGE), "PACKAGE") for line in plan(RUN, ROOT, Path("/work/1.tmp"), access=access)]
    assert lines == (GOLDEN / f"{name}.txt").read_text().splitlines()


def test_an_empty_root_has_only_what_the_sandbox_makes():
    options = plan(RUN, RootListing(), Path("/t"))
    assert not any("/store/tree" in option for option in options)


def test_an_entry_of_the_action_wins_over_a_fixed_one():
    request = SandboxRun(
        arguments=("x",), environment=(("LANG", "C"),), root=None, mounts=(), work=Path("/w"), log=Path("/l"), timeout_s=1, cpus=3
    )
    environment = dict(environment_of(request))
    assert environment["LANG"] == "C"
    assert environment["LKBUILD_CPUS"] == "3"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces="),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_the_hint_names_the_setting_that_refuses(tmp_path, name, value, said):
    file = tmp_path / name
    file.parent.mkdir()
    file.write_text(f"{value}\n")
    hint = diagnose("bwrap: No permissions to create new namespace", tmp_path).hint
    assert hint is not None
    assert said in hint


def test_the_hint_names_what_the_kernel_lacks(tmp_path):
    said = "bwrap: Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL."
    hint = diagnose(said, tmp_path).hint
    assert hint is not None
    assert "CONFIG_SECCOMP_FILTER" in hint
    assert "namespaces" not in hint


def test_a_binary_that_is_no_bubblewrap_is_a_problem_of_the_host(tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    found = probe(fake, sysctl=tmp_path)
    assert found.problem is not None
    assert found.problem.detail == "bwrap: setting up uid map: Permission denied"
