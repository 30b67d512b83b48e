"""C programs for every architecture from one toolchain, without emulation; they run, and are the same bytes each time."""

import os
import platform
from pathlib import Path

import pytest
from harness.host_root import make_root
from harness.workspace import REPOSITORY, copy_of_repository, user_store

from lkbuild.model.configuration import ARCHES
from lkbuild.model.ports import SandboxRun
from lkbuild.sandbox.bubblewrap import BubblewrapSandbox
from lkbuild.sandbox.seccomp import ABIS

pytestmark = [pytest.mark.slow, pytest.mark.network]

BUILD = """targets:
  hello: {rule: c_binary, srcs: [hello.c, hello.h], flags: [-Wall, -Werror, "-DNAME=\\"world\\""]}
  other: {rule: c_binary, srcs: [other.c]}
  broken: {rule: c_binary, srcs: [broken.c]}
  nothing: {rule: c_binary, srcs: [hello.h]}

  # QEMU's user mode, to show that what was cross-compiled is right: building it needs none.
  emulators:
    rule: toolchain
    lock: //pkg/debian
    debs: [busybox-static, qemu-user]
    links: {usr/bin/sh: busybox}
  said:
    rule: genrule
    srcs: [":hello"]
    outs: [said.txt]
    toolchain: ":emulators"
    env: {CPU: {select: {amd64: x86_64, arm64: aarch64, riscv64: riscv64, s390x: s390x}}}
    cmd: qemu-$CPU $SRCS > $OUT
"""
HELLO = """#include <stdio.h>
#include <sys/utsname.h>
#include "hello.h"
int main(void) {
  struct utsname machine;
  uname(&machine);
  return printf(FORMAT, NAME, machine.machine, (long double)1 / 3) < 0;
}
"""
#: uname(2)'s words.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x"}


@pytest.fixture
def c(tmp_path):
    """The repository's workspace elsewhere, over the user's store: a C library takes half a minute of processor time."""
    here = copy_of_repository(tmp_path / "workspace", user_store())
    here.write("c/BUILD.yaml", BUILD)
    here.write("c/hello.c", HELLO)
    unseen = os.urandom(8).hex()  # not compiled before
    here.write("c/hello.h", f'#define FORMAT "hello %s on %s, %.30Lf\\n" // {unseen}\n')
    here.write("c/other.c", f'int main(void) {{ return sizeof "{unseen}" == 0; }}\n')
    here.write("c/broken.c", "int main(void) { return missing; }\n")
    return here


def test_one_source_is_a_program_for_every_architecture_and_each_runs(c):
    report = c.build("--arch", "all", "//c:said")
    said = {path.parts[-4]: path.read_text() for path in report.paths}
    # Long doubles are the compiler's own routines on most of them: x86's have fewer digits.
    third = dict.fromkeys(ARCHES, "0.333333333333333333333333333333") | {"amd64": "0.333333333333333333342368351437"}
    assert said == {arch: f"hello world on {MACHINES[arch]}, {third[arch]}\n" for arch in ARCHES}
    # The C library is made once for an architecture, whatever is linked with it.
    assert set(c.build("--arch", "all", "//c:other").executed) == {"//c:other c_compile"}


def test_a_program_is_the_same_bytes_when_it_is_made_again(c):
    assert c.build("--check", "--arch", "arm64", "//c:hello").digests


def test_the_launcher_of_sandboxes_is_compiled_for_every_architecture_and_works(c, tmp_path):
    """By another compiler and C library than the one that installs it (hatch_build.py), without a warning."""
    sources = sorted((REPOSITORY / "lkbuild/sandbox/launcher").glob("*.[ch]"))
    for source in sources:
        c.write(f"launcher/{source.name}", source.read_text())
    names = ", ".join(source.name for source in sources)
    how = f"srcs: [{names}], flags: [-std=c11, -O2, -Wall, -Wextra, -Werror]"
    c.write("launcher/BUILD.yaml", f"targets:\n  launcher: {{rule: c_binary, {how}}}\n")
    made = {path.parts[-4]: path for path in c.build("--arch", "all", "//launcher").paths}
    assert set(made) == set(ARCHES)
    program = made[{machine: arch for arch, machine in MACHINES.items()}[platform.machine()]]
    (tmp_path / "work").mkdir()
    root = make_root(tmp_path / "root")
    box = BubblewrapSandbox(Path("/no/bwrap"), launcher=program)
    asked = SandboxRun(
        arguments=("cat", "/proc/1/comm"), environment=(), root=root, mounts=(), work=tmp_path / "work", log=tmp_path / "log", timeout_s=60
    )
    assert box.run(asked, cancelled=lambda: False).exit_code == 0
    assert (tmp_path / "log").read_text() == "launcher\n"


#: By the kernel's names of the ways in: on which architecture a header has its numbers. No architecture's has those of 32-bit ARM.
WAYS_IN = {
    "X86_64": (0xC000003E, "amd64", "asm/unistd_64.h"),
    "I386": (0x40000003, "amd64", "asm/unistd_32.h"),
    "AARCH64": (0xC00000B7, "arm64", "asm/unistd.h"),
    "ARM": (0x40000028, "arm64", None),
    "RISCV64": (0xC00000F3, "riscv64", "asm/unistd.h"),
    "RISCV32": (0x400000F3, "riscv64", "asm/unistd.h"),
    "S390X": (0x80000016, "s390x", "asm/unistd.h"),
    "S390": (0x00000016, "s390x", "asm/unistd.h"),
}


def test_the_numbers_of_refused_calls_are_those_of_the_kernels_headers(c):
    """As the compiler has them for each architecture: Python has no other source of them."""
    by_code = {code: abi for abi in ABIS for code in abi.arch}
    assert set(by_code) == {code for code, _, _ in WAYS_IN.values()}
    sources: dict[str, list[str]] = {arch: ["main.c"] for arch in ARCHES}
    c.write("calls/main.c", "int main(void) { return 0; }\n")
    for way, (code, arch, header) in WAYS_IN.items():
        abi = by_code[code]
        numbers = dict(zip(("add_key", "request_key", "keyctl", "socket", "socketpair"), (*abi.keys, *abi.sockets), strict=True))
        numbers |= {"io_uring_setup": 425} | ({"socketcall": abi.socketcall} if abi.socketcall is not None else {})
        equal = {f"AUDIT_ARCH_{way}": code} | ({f"__NR_{call}": number for call, number in numbers.items()} if header else {})
        lines = ["#include <linux/audit.h>", *([f"#include <{header}>"] if header else [])]
        lines += [f'_Static_assert({name} == {value}U, "{name}");' for name, value in equal.items()]
        c.write(f"calls/{way}.c", "\n".join([*lines, ""]))
        sources[arch].append(f"{way}.c")
    targets = [f"  {arch}: {{rule: c_binary, srcs: [{', '.join(names)}]}}" for arch, names in sources.items()]
    c.write("calls/BUILD.yaml", "\n".join(["targets:", *targets, ""]))
    for arch in ARCHES:
        assert c.build("--arch", arch, f"//calls:{arch}").paths


def test_what_the_compiler_says_is_told(c):
    report = c.build("--arch", "s390x", "//c:broken", code=1)
    assert "broken.c:1:" in report.stderr
    assert "missing" in report.stderr
    (error,) = c.build("//c:nothing", code=7).errors
    assert (error["class"], error["line"]) == ("AnalysisError", 5)
