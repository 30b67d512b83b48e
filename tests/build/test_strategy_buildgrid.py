"""What toolchains make is the same bits on the workers of a BuildGrid as in the sandbox: over the user's store, where it was made here."""

from __future__ import annotations

import hashlib
import os

import pytest
from harness.buildgrid import HERE, buildgrid
from harness.effort import COMPILE
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.network, pytest.mark.slow]

PROGRAM = "targets:\n  hello: {rule: c_binary, srcs: [hello.c]}\n"


@pytest.fixture(scope="module")
def grid(buildgrid_parts):
    with buildgrid(buildgrid_parts) as running:
        yield running


@pytest.fixture
def repository(tmp_path):
    copied = copy_of_repository(tmp_path / "repository", user_store())
    copied.write("c/BUILD.yaml", PROGRAM)
    copied.write("c/hello.c", '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    return copied


def made_there_as_here(repository, grid, *targets):
    """Run the actions of targets on the workers, with all processors, and compare with what was made here; the kinds of what ran."""
    repository.build(*targets)
    policy = f"remotes: [{{url: '{grid.url}', rights: [read-blobs, execute], worker_cpus: {os.cpu_count()}}}]\n"
    repository.write("cache/cache.yaml", policy)
    return repository.build(*targets, "--check", "--strategy=remote", "--remote-required").mnemonics


def test_a_kernel_configuration_a_c_library_and_a_go_program(repository, grid):
    ran = made_there_as_here(repository, grid, "//kernel:config", "//c:hello", "//pkg/init:program")
    assert {"kernel_config", "c_runtime", "c_compile", "go"} <= set(ran)


@pytest.mark.skipif(not COMPILE, reason="it takes a machine for longer than a run should: `make test-all` has it")
def test_the_kernel(repository, grid):
    """Minutes of all processors: what was proven of an action, an engine and a way to ask it needs no second proof."""
    proof = repository.cache.with_name("lkbuild-tests") / "the-kernel-on-a-buildgrid"
    engine = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(HERE.iterdir()))).hexdigest()
    proven = f"{repository.build('//kernel:linux').keys} {engine}\n"
    if proof.exists() and proof.read_text(encoding="utf-8") == proven:
        pytest.skip(f"proven before: {proof}")
    assert "kernel" in made_there_as_here(repository, grid, "//kernel:linux")
    proof.parent.mkdir(exist_ok=True)
    proof.write_text(proven, encoding="utf-8")
