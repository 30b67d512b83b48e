"""The program of the calls that a sandbox refuses, by an interpreter of our own: no machine has all the ways into a kernel."""

from __future__ import annotations

import errno
import os
import struct
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lkbuild.sandbox.seccomp import opened, program

# linux/bpf_common.h: what a program may hold.
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
# linux/seccomp.h
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
X32 = 0x40000000
VSOCK = 40

#: linux/audit.h, and the kernel's tables of calls (arch/*/syscall*.tbl, asm-generic/unistd.h).
X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
RISCV64, RISCV32, S390X, S390 = 0xC00000F3, 0x400000F3, 0x80000016, 0x00000016
GENERIC = {"add_key": 217, "request_key": 218, "keyctl": 219, "socket": 198, "socketpair": 199}
OF_S390 = {"add_key": 278, "request_key": 279, "keyctl": 280, "socket": 359, "socketpair": 360, "socketcall": 102}
NUMBERS = {
    X86_64: {"add_key": 248, "request_key": 249, "keyctl": 250, "socket": 41, "socketpair": 53},
    I386: {"add_key": 286, "request_key": 287, "keyctl": 288, "socket": 359, "socketpair": 360, "socketcall": 102},
    ARM: {"add_key": 309, "request_key": 310, "keyctl": 311, "socket": 281, "socketpair": 288},
    AARCH64: GENERIC,
    RISCV64: GENERIC,
    RISCV32: GENERIC,
    S390X: OF_S390,
    S390: OF_S390,
}
BIG = (S390X, S390)
CALLS = sorted({number for table in NUMBERS.values() for number in table.values()} | {425})
WORDS = st.integers(0, 2**32 - 1)


def order_of(arch):
    return "big" if arch in BIG else "little"


def verdict(order, arch, number, *arguments):
    """What the kernel makes of a call: struct seccomp_data is `int nr; __u32 arch; __u64 instruction_pointer, args[6]`."""
    sign = ">" if order == "big" else "<"
    data = struct.pack(f"{sign}II7Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack(f"{sign}HBBI", program(order)))
    value = at = 0
    while True:
        operation, true, false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from(f"{sign}I", data, operand)
            case 0x54:
                value &= operand
            case 0x15:
                at += true if value == operand else false
            case 0x06:
                return operand
            case _:
                pytest.fail(f"an instruction that seccomp does not need: {operation:#x}")


def expected(arch, number, first):
    """The rules, in words: nothing of how they are written."""
    if arch not in NUMBERS:
        return KILL
    table = NUMBERS[arch]
    low = first & 0xFFFFFFFF  # families and calls of socketcall(2) are ints: the kernel looks at no more
    if arch == X86_64:
        number &= ~X32
    if number == 425 or number in (table["add_key"], table["request_key"], table["keyctl"]):
        return ERRNO | errno.ENOSYS
    if number in (table["socket"], table["socketpair"]) and low == VSOCK:
        return ERRNO | errno.EAFNOSUPPORT
    if arch == I386 and number == table["socketcall"] and low == 1:
        return ERRNO | errno.ENOSYS
    return ALLOW


@given(
    arch=st.sampled_from(sorted(NUMBERS)) | st.sampled_from([arch ^ bit for arch in NUMBERS for bit in (0x80000000, 0x40000000)]) | WORDS,
    number=st.sampled_from(CALLS) | st.integers(0, 600) | WORDS,
    x32=st.booleans(),
    first=st.sampled_from([VSOCK, 0, 1, 2, 8, 16, VSOCK | 1 << 8, VSOCK << 8]) | WORDS,
    above=st.sampled_from([0, 1, VSOCK, 0xFFFFFFFF]),
    rest=st.lists(st.sampled_from([0, 1, VSOCK]), min_size=5, max_size=5),
)
@example(arch=X86_64, number=41, x32=True, first=VSOCK, above=0, rest=[0] * 5)
@example(arch=S390X, number=359, x32=False, first=VSOCK, above=0xFFFFFFFF, rest=[0] * 5)
@example(arch=S390X, number=359, x32=False, first=0, above=VSOCK, rest=[0] * 5)
@example(arch=I386, number=102, x32=False, first=1, above=0, rest=[0] * 5)
def test_every_way_into_the_kernel_is_held_to_the_same_rules(arch, number, x32, first, above, rest):
    number |= X32 if x32 else 0
    first |= above << 32
    assert verdict(order_of(arch), arch, number, first, *rest) == expected(arch, number, first)


@pytest.mark.parametrize("arch", sorted(NUMBERS))
def test_each_refusal_is_what_a_kernel_without_the_thing_would_say(arch):
    refused = {
        name: verdict(order_of(arch), arch, number, VSOCK) & 0xFFFF
        for name, number in NUMBERS[arch].items()
        if verdict(order_of(arch), arch, number, VSOCK) != ALLOW
    }
    none = {"add_key": errno.ENOSYS, "request_key": errno.ENOSYS, "keyctl": errno.ENOSYS}
    assert refused == none | {"socket": errno.EAFNOSUPPORT, "socketpair": errno.EAFNOSUPPORT}


@pytest.mark.parametrize("arch", sorted(NUMBERS))
def test_sockets_of_all_other_families_are_left(arch):
    families = [family for family in range(256) if family != VSOCK]
    assert {verdict(order_of(arch), arch, NUMBERS[arch]["socket"], family) for family in families} == {ALLOW}


def test_a_call_that_hides_its_arguments_is_refused_where_programs_have_another_and_only_where_it_makes_a_socket():
    """socketcall(2) has them in memory. On s390x it is how Go and glibc make every socket, so there it is left (ADR 0209)."""
    made = {arch: [call for call in range(1, 21) if verdict(order_of(arch), arch, 102, call) != ALLOW] for arch in (I386, S390X)}
    assert made == {I386: [1], S390X: []}


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_kernel_would_take_it(order):
    """net/core/filter.c: jumps stay inside, and what is last returns; kernel/seccomp.c: loads are of words of the data."""
    code = list(struct.iter_unpack(f"{'>' if order == 'big' else '<'}HBBI", program(order)))
    assert len(code) < 128  # bubblewrap installs it for each command
    assert code[-1][0] == RETURN
    for at, (operation, true, false, operand) in enumerate(code):
        assert operation in (LOAD, AND, EQUAL, RETURN)
        assert operation != LOAD or (operand % 4 == 0 and operand < 64)
        assert operation != EQUAL or at + 1 + max(true, false) < len(code)


def test_it_is_read_once_to_its_end_from_a_descriptor():
    with opened() as handle:
        assert os.read(handle, 1 << 16) == program(sys.byteorder)
        assert os.read(handle, 1) == b""
    with pytest.raises(OSError, match="escriptor"):
        os.fstat(handle)
