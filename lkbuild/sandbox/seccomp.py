"""The system calls that every sandbox refuses, as a program for seccomp(2): the same for both that start commands, on every architecture.

Refused is what no namespace parts: the session keyring, which all that a user starts has in common (session-keyring(7)), and sockets to
the hypervisor's host (vsock(7)). io_uring is refused since it makes sockets without a call of theirs. Everything else is let through: this
keeps actions from what they share unseen, and does not make the kernel smaller. Each is refused as a kernel that lacks it does.

One kernel has several ways in, each with its own numbers: amd64 takes calls of i386 and x32 as well, arm64 those of 32-bit ARM. So the
program has the rules of all (`ABIS`), and asks first by which one a call came. One that it does not know ends the process.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import struct
import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

from lkbuild.base.values import dataclass

#: struct sock_filter (linux/filter.h): code, jump where true, jump where false, operand.
_Instruction: TypeAlias = tuple[int, int, int, int]
_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_RET|K

#: struct seccomp_data (linux/seccomp.h): where the number and the way in are, and the first argument's lower half, which is all of an int.
_NUMBER, _WAY_IN, _FIRST_ARGUMENT = 0, 4, {"little": 16, "big": 20}

_ALLOW: Final[_Instruction] = (_RETURN, 0, 0, 0x7FFF0000)
_KILL_PROCESS: Final[_Instruction] = (_RETURN, 0, 0, 0x80000000)
_NO_SUCH_CALL: Final[_Instruction] = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)
_NO_SUCH_FAMILY: Final[_Instruction] = (_RETURN, 0, 0, 0x00050000 | errno.EAFNOSUPPORT)

_AF_VSOCK: Final = 40
_SYS_SOCKET: Final = 1  # of socketcall(2): linux/net.h. Of the rest none makes a socket of VSOCK: it has no pairs
_IO_URING_SETUP: Final = 425  # everywhere, as all calls since Linux 5.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Abi:
    """A way into the kernel.

    Attributes:
        arch: what the kernel calls it (linux/audit.h, AUDIT_ARCH_*); of several where their numbers are the same.
        keys: its numbers of add_key(2), request_key(2), keyctl(2).
        sockets: of socket(2), socketpair(2).
        socketcall: of the call that has the arguments of those in memory, where no filter sees them, and that is refused for new sockets.
        number_bits: those of a number that say which call it is.
    """

    arch: tuple[int, ...]
    keys: tuple[int, int, int]
    sockets: tuple[int, int]
    socketcall: int | None = None
    number_bits: int | None = None


ABIS: Final = (
    # x32's calls have the numbers of x86-64, and one bit more.
    Abi(arch=(0xC000003E,), keys=(248, 249, 250), sockets=(41, 53), number_bits=0xBFFFFFFF),
    Abi(arch=(0x40000003,), keys=(286, 287, 288), sockets=(359, 360), socketcall=102),  # i386
    Abi(arch=(0xC00000B7, 0xC00000F3, 0x400000F3), keys=(217, 218, 219), sockets=(198, 199)),  # arm64, riscv64, riscv32
    Abi(arch=(0x40000028,), keys=(309, 310, 311), sockets=(281, 288)),  # arm
    # s390x, s390. They have a socketcall(2), too, by which glibc and Go make every socket there: it stays (ADR 0209).
    Abi(arch=(0x80000016, 0x00000016), keys=(278, 279, 280), sockets=(359, 360)),
)


@functools.cache
def program(order: str = sys.byteorder) -> bytes:
    """Classic BPF (Documentation/userspace-api/seccomp_filter.rst), as a kernel of that byte order takes it."""
    ways = [instruction for abi in ABIS for instruction in _when(abi.arch, _rules(abi, _FIRST_ARGUMENT[order]))]
    form = struct.Struct(">HBBI" if order == "big" else "<HBBI")
    return b"".join(form.pack(*instruction) for instruction in [(_LOAD, 0, 0, _WAY_IN), *ways, _KILL_PROCESS])


@contextlib.contextmanager
def opened() -> Iterator[int]:
    """A descriptor from which the program can be read once, to its end: for --seccomp of bubblewrap and of the launcher."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            os.write(writer, program())  # a pipe has room for a page at least
        finally:
            os.close(writer)
        yield reader
    finally:
        os.close(reader)


def _rules(abi: Abi, first_argument: int) -> list[_Instruction]:
    """What becomes of a call that came by it."""
    look: _Instruction = (_LOAD, 0, 0, first_argument)
    hidden = [look, *_when((_SYS_SOCKET,), [_NO_SUCH_CALL]), _ALLOW]
    return [
        (_LOAD, 0, 0, _NUMBER),
        *([(_AND, 0, 0, abi.number_bits)] if abi.number_bits is not None else ()),
        *_when((*abi.keys, _IO_URING_SETUP), [_NO_SUCH_CALL]),
        *_when(abi.sockets, [look, *_when((_AF_VSOCK,), [_NO_SUCH_FAMILY]), _ALLOW]),
        *(_when((abi.socketcall,), hidden) if abi.socketcall is not None else ()),
        _ALLOW,
    ]


def _when(values: tuple[int, ...], then: list[_Instruction]) -> list[_Instruction]:
    """Where what was loaded is one of the values, `then`, which returns; else what comes after."""
    last = len(values) - 1
    tests: list[_Instruction] = [(_EQUAL, last - at, len(then) if at == last else 0, value) for at, value in enumerate(values)]
    return [*tests, *then]
