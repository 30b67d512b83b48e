"""One action, three places: a C package, a Go package and a kernel's configuration, by the sandbox, docker buildx and a remote engine."""

import os

import pytest
from harness.casd import engine as reapi_engine
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.network, pytest.mark.slow]

C = """targets:
  program: {rule: c_binary, srcs: [hello.c]}
  package: {rule: package, skeleton: false, files: [{path: /hello, source: ":program", mode: "0755"}]}
"""
#: Each with the target whose action compiles it, since what is checked is a target's own actions.
TARGETS = ("//c:program", "//c:package", "//pkg/init:program", "//pkg/init", "//kernel:config")
COMMANDS = {"//c:program c_compile", "//pkg/init:program go", "//kernel:config kernel_config"}


def test_the_digests_are_the_same_in_all_three(engine, tmp_path):
    """Over the user's store, so that toolchains are not fetched for it."""
    repository = copy_of_repository(tmp_path / "repository", user_store()).with_(**engine)
    repository.write("c/BUILD.yaml", C)
    repository.write("c/hello.c", f'int main(void) {{ return sizeof "{os.urandom(8).hex()}" == 0; }}\n')
    here = repository.build(*TARGETS)
    with reapi_engine(tmp_path / "engine") as url:
        places = (("--strategy=buildx",), ("--strategy=remote", f"--remote={url}", "--remote-required"))
        for place in places:
            # What differs by a byte is an error of --check, and exit 50.
            there = repository.build("--check", *place, *TARGETS)
            assert set(there.executed) >= COMMANDS
            assert there.digests == here.digests
